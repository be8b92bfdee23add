//! TensorBoard's event files read from their published format alone: TFRecord frames, protobuf by hand.

/// One event; what it does not hold is empty.
#[derive(Debug, Default)]
pub(crate) struct Event {
    pub(crate) wall_time: f64,
    pub(crate) step: u64,
    pub(crate) file_version: Option<String>,
    pub(crate) is_session_start: bool,
    pub(crate) scalars: Vec<(String, f32)>,
}

/// Every frame of a file, its checksums verified.
pub(crate) fn read(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = vec![];
    while !bytes.is_empty() {
        let (length, rest) = checked(bytes, 8);
        let length = u64::from_le_bytes(length.try_into().unwrap());
        let (data, rest) = checked(rest, usize::try_from(length).unwrap());
        events.push(event(data));
        bytes = rest;
    }
    events
}

/// The next `length` bytes, which their masked checksum follows, and the rest.
fn checked(bytes: &[u8], length: usize) -> (&[u8], &[u8]) {
    let (data, rest) = bytes.split_at(length);
    let (crc, rest) = rest.split_at(4);
    let expected = crc32c(data);
    let masked = expected.rotate_left(17).wrapping_add(0xa282_ead8);
    assert_eq!(u32::from_le_bytes(crc.try_into().unwrap()), masked, "checksum of {length} bytes");
    (data, rest)
}

/// CRC-32C by long division, most significant bit first: every byte and the result are turned round.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(byte.reverse_bits()) << 24;
        for _ in 0..8 {
            rest = if rest >> 31 == 1 { (rest << 1) ^ 0x1EDC_6F41 } else { rest << 1 };
        }
    }
    !rest.reverse_bits()
}

fn event(data: &[u8]) -> Event {
    let mut event = Event::default();
    for (number, field) in fields(data) {
        match (number, field) {
            (1, Field::Eight(bytes)) => event.wall_time = f64::from_le_bytes(bytes),
            (2, Field::Varint(step)) => event.step = step,
            (3, Field::Bytes(text)) => event.file_version = Some(String::from_utf8(text.to_vec()).unwrap()),
            (5, Field::Bytes(summary)) => {
                event.scalars = fields(summary).into_iter().map(|(_, value)| scalar(&value)).collect();
            }
            (7, Field::Bytes(log)) => {
                event.is_session_start = matches!(fields(log)[..], [(1, Field::Varint(1))]);
            }
            other => panic!("{other:?}"),
        }
    }
    event
}

fn scalar(value: &Field<'_>) -> (String, f32) {
    let Field::Bytes(value) = value else { panic!("{value:?}") };
    match fields(value)[..] {
        [(1, Field::Bytes(tag)), (2, Field::Four(number))] => {
            (String::from_utf8(tag.to_vec()).unwrap(), f32::from_le_bytes(number))
        }
        ref other => panic!("{other:?}"),
    }
}

#[derive(Debug)]
enum Field<'a> {
    Varint(u64),
    Eight([u8; 8]),
    Bytes(&'a [u8]),
    Four([u8; 4]),
}

/// A message's fields: number and content.
fn fields(mut data: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut found = vec![];
    while !data.is_empty() {
        let key = varint(&mut data);
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut data)),
            1 => Field::Eight(take(&mut data, 8).try_into().unwrap()),
            2 => {
                let length = usize::try_from(varint(&mut data)).unwrap();
                Field::Bytes(take(&mut data, length))
            }
            5 => Field::Four(take(&mut data, 4).try_into().unwrap()),
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, field));
    }
    found
}

fn take<'a>(data: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = data.split_at(length);
    *data = rest;
    taken
}

fn varint(data: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(data, 1)[0];
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return number;
        }
    }
    panic!("a varint of more than ten bytes")
}
