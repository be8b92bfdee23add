"""Writes the picture files that mutation starts from, of each kind the decoders have a path for: `python make.py`, with Pillow 13."""

from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
colours = Image.merge("RGB", [Image.linear_gradient("L").resize((24, 17)), Image.radial_gradient("L").resize((24, 17)), Image.new("L", (24, 17), 90)])
clear = colours.copy()
clear.putalpha(Image.radial_gradient("L").resize((24, 17)))
turned = Image.Exif()
turned[0x0112] = 6

colours.save(HERE / "baseline.jpg", quality=80)
colours.save(HERE / "progressive.jpg", quality=60, progressive=True, exif=turned)
colours.save(HERE / "restarts.jpg", quality=50, subsampling=2, restart_marker_rows=1)
colours.convert("L").save(HERE / "gray.jpg")
colours.convert("CMYK").save(HERE / "cmyk.jpg")
colours.save(HERE / "colours.png")
clear.save(HERE / "clear.png")
colours.quantize(8).save(HERE / "palette.png", bits=4, transparency=1)
colours.convert("I;16").save(HERE / "deep.png")
clear.save(HERE / "animated.png", save_all=True, append_images=[clear.transpose(Image.Transpose.ROTATE_180)])
colours.save(HERE / "lossy.webp", quality=40)
colours.save(HERE / "lossless.webp", lossless=True)
clear.save(HERE / "clear.webp", quality=40, exif=turned)
clear.save(HERE / "animated.webp", save_all=True, append_images=[clear.transpose(Image.Transpose.ROTATE_180)], quality=30)
colours.quantize(16).save(HERE / "palette.gif")
colours.save(HERE / "animated.gif", save_all=True, append_images=[clear.convert("RGB").transpose(Image.Transpose.ROTATE_180)], interlace=1)
colours.save(HERE / "colours.bmp")
colours.quantize(8).save(HERE / "palette.bmp")
colours.convert("1").save(HERE / "bits.bmp")
clear.save(HERE / "clear.bmp")
