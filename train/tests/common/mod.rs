//! Pictures that the tests make themselves.

use std::path::Path;

/// Four classes of sixteen 32×32 bitmaps each: coloured blocks whose place tells the class, on noise.
pub(crate) fn write_pictures(folder: &Path) {
    for class in 0..4u8 {
        let class_folder = folder.join(format!("class-{class}"));
        std::fs::create_dir_all(&class_folder).unwrap();
        for number in 0..16u8 {
            let mut rgb = Vec::new();
            for y in 0..32u32 {
                for x in 0..32u32 {
                    let noise = (x * 31 + y * 17 + u32::from(number) * 97) % 61;
                    let inside = (x / 8 + y / 8 + u32::from(class)).is_multiple_of(4);
                    let base = if inside { 180 } else { 40 };
                    rgb.extend([(base + noise) as u8, (noise * u32::from(class)) as u8, (255 - base) as u8]);
                }
            }
            write_bitmap(&class_folder.join(format!("{number}.bmp")), &rgb);
        }
    }
}

/// A 32×32 24-bit bitmap.
fn write_bitmap(path: &Path, rgb: &[u8]) {
    let mut bytes = b"BM".to_vec();
    for field in [54 + 3072u32, 0, 54, 40, 32, 32] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0u8; 24]);
    bytes.extend(rgb);
    std::fs::write(path, bytes).unwrap();
}
