"""Writes cmyk.jpg: red, green, white, 16 pixels wide each, as Adobe programs store CMYK. Needs pillow."""
import pathlib

from PIL import Image

picture = Image.new("CMYK", (48, 16))
for column, ink in enumerate([(0, 255, 255, 0), (255, 0, 255, 127), (0, 0, 0, 0)]):
    picture.paste(ink, (16 * column, 0, 16 * column + 16, 16))
picture.save(pathlib.Path(__file__).with_name("cmyk.jpg"), quality=90)
