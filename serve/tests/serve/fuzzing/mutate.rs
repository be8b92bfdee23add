//! Bytes in, other bytes out: a seeded stream of mutations that knows what decoders and readers of JSON trip over.

/// Numbers that lengths and sizes overflow at.
const EDGES: [u32; 14] =
    [0, 1, 2, 7, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/// Words of JSON, of our bodies and of the headers around pictures.
const WORDS: [&[u8]; 30] = [
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"0.1e-400",
    b"18446744073709551616",
    b"\"\"",
    b"[]",
    b"{}",
    b"[[",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\"image\":",
    b"\"images\":",
    b"\"input\":",
    b"\"vector\":",
    b"\"embeddings\":",
    b"\"filter\":",
    b"\"not\":",
    b"\"shape\":",
    b"\"data\":",
    b"\"parameters\":",
    b"data:image/png;base64,",
    b"http://127.0.0.1/",
    b"\r\n--x\r\n",
    b"IDAT",
    b"\xff\xda",
    b"VP8X",
    b"NETSCAPE2.0",
];

/// The largest input made: what matters to a decoder fits into little.
const LONGEST: usize = 48 << 10;

/// A stream of pseudo-random numbers (splitmix64), the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`, which is at least 1.
    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}

/// Changes an input in one to eight places; `other` lends pieces.
pub(super) fn mutate(dice: &mut Dice, input: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=dice.below(8) {
        change(dice, input, other);
    }
    input.truncate(LONGEST);
}

fn change(dice: &mut Dice, input: &mut Vec<u8>, other: &[u8]) {
    let at = dice.below(input.len() + 1);
    let end = (at + 1 + dice.below(32)).min(input.len());
    match dice.below(10) {
        0 | 1 if at < input.len() => input[at] ^= 1 << dice.below(8),
        2 if at < input.len() => input[at] = dice.next() as u8,
        3 | 4 => overwrite(dice, input, at),
        5 => drop(input.splice(at..end.max(at), [])),
        6 => {
            let piece = input[at..end.max(at)].repeat(1 + dice.below(4));
            input.splice(at..at, piece);
        }
        7 => drop(input.splice(at..at, dice.of(&WORDS).iter().copied())),
        8 if !other.is_empty() => {
            let from = dice.below(other.len());
            let to = (from + 1 + dice.below(256)).min(other.len());
            input.splice(at..end.max(at), other[from..to].iter().copied());
        }
        9 if dice.below(4) == 0 => input.truncate(at),
        _ => input.insert(at, dice.next() as u8),
    }
}

/// Writes a number that sizes overflow at over one, two or four bytes, either end first.
fn overwrite(dice: &mut Dice, input: &mut [u8], at: usize) {
    let number = *dice.of(&EDGES);
    let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
    let size = *dice.of(&[1, 2, 4]);
    let bytes = if dice.below(2) == 0 { &little[..size] } else { &big[4 - size..] };
    for (place, byte) in input.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}

/// Makes the checksums of a PNG right again, so that a decoder looks at what lies behind them.
pub(super) fn mend_png(file: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = file.get(at..at + 4) {
        let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
        let Some(end) = at.checked_add(8).and_then(|start| start.checked_add(length)) else { return };
        if end.checked_add(4).is_none_or(|whole| whole > file.len()) {
            return;
        }
        let crc = crc32(&file[at + 4..end]);
        file[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        at = end + 4;
    }
}

/// The checksum of PNG's chunks.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
