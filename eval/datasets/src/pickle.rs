//! Python's pickles as CIFAR's python archives have them: bytes in, a dictionary out. Nothing a pickle names is ever
//! called or imported: calls become [`Value::Opaque`], and an object becomes the state it was to be given.

use std::ops::Range;

/// Values held at once, in all.
const VALUES_MAX: usize = 1 << 20;

/// What a pickle holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// A whole number or a truth.
    Int(i64),
    /// Text or bytes: where in the pickle they are.
    Bytes(Range<usize>),
    /// A list or a tuple.
    List(Vec<Value>),
    /// Keys with values.
    Dict(Vec<(Value, Value)>),
    /// None, or what only running code could make.
    Opaque,
}

impl Value {
    /// A dictionary's value of a key.
    pub(crate) fn get(&self, pickle: &[u8], key: &str) -> Option<&Self> {
        let Self::Dict(pairs) = self else { return None };
        let is_it = |k: &Self| matches!(k, Self::Bytes(at) if pickle.get(at.clone()) == Some(key.as_bytes()));
        pairs.iter().find_map(|(k, value)| is_it(k).then_some(value))
    }

    /// The longest bytes anywhere inside: an array's pixels.
    pub(crate) fn longest_bytes(&self) -> Option<Range<usize>> {
        match self {
            Self::Bytes(at) => Some(at.clone()),
            Self::List(values) => {
                values.iter().filter_map(Self::longest_bytes).max_by_key(ExactSizeIterator::len)
            }
            Self::Int(_) | Self::Dict(_) | Self::Opaque => None,
        }
    }
}

enum Entry {
    Mark,
    Value(Value),
}

struct Machine<'a> {
    pickle: &'a [u8],
    at: usize,
    stack: Vec<Entry>,
    memo: Vec<Value>,
    made: usize,
}

/// The value of a pickle, protocols 2 to 5.
pub(crate) fn parse(pickle: &[u8]) -> Result<Value, String> {
    let mut machine = Machine { pickle, at: 0, stack: Vec::new(), memo: Vec::new(), made: 0 };
    loop {
        let at = machine.at;
        let code = machine.take(1)?[0];
        if code == b'.' {
            return machine.pop();
        }
        machine.step(code).map_err(|problem| format!("byte {at}: {problem}"))?;
    }
}

impl<'a> Machine<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.pickle.len());
        let end = end.ok_or("it ends too early")?;
        let taken = &self.pickle[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// A whole number of so many bytes, the lowest first.
    fn number(&mut self, bytes: usize) -> Result<usize, String> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |sum, &byte| (sum << 8) | usize::from(byte)))
    }

    fn line(&mut self) -> Result<Range<usize>, String> {
        let length =
            self.pickle[self.at..].iter().position(|&byte| byte == b'\n').ok_or("it ends too early")?;
        self.at += length + 1;
        Ok(self.at - length - 1..self.at - 1)
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        self.made += 1;
        if self.made > VALUES_MAX {
            return Err(format!("it holds more than {VALUES_MAX} values"));
        }
        self.stack.push(Entry::Value(value));
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, String> {
        match self.stack.pop() {
            Some(Entry::Value(value)) => Ok(value),
            _ => Err("a value is missing".to_owned()),
        }
    }

    /// Everything above the last mark, which goes too.
    fn above_mark(&mut self) -> Result<Vec<Value>, String> {
        let mark = self.stack.iter().rposition(|entry| matches!(entry, Entry::Mark));
        let above = self.stack.split_off(mark.ok_or("a mark is missing")?);
        Ok(above
            .into_iter()
            .filter_map(|e| if let Entry::Value(value) = e { Some(value) } else { None })
            .collect())
    }

    fn bytes(&mut self, length_bytes: usize) -> Result<(), String> {
        let length = self.number(length_bytes)?;
        let start = self.at;
        self.take(length)?;
        self.push(Value::Bytes(start..start + length))
    }

    fn step(&mut self, code: u8) -> Result<(), String> {
        match code {
            0x80 => self.take(1).map(|_| ()),
            0x95 => self.take(8).map(|_| ()),
            b'U' | b'C' | 0x8c => self.bytes(1),
            b'T' | b'B' | b'X' => self.bytes(4),
            0x8d | 0x8e => self.bytes(8),
            b'K' => self.number(1).and_then(|n| self.int(n)),
            b'M' => self.number(2).and_then(|n| self.int(n)),
            b'J' => self.number(4).and_then(|n| self.int(n)),
            0x88 | 0x89 => self.push(Value::Int(i64::from(code == 0x88))),
            b'N' => self.push(Value::Opaque),
            b'c' => {
                self.line()?;
                self.line()?;
                self.push(Value::Opaque)
            }
            b'}' => self.push(Value::Dict(vec![])),
            b']' | b')' => self.push(Value::List(vec![])),
            b'(' => {
                self.stack.push(Entry::Mark);
                Ok(())
            }
            b'0' => self.pop().map(|_| ()),
            _ => self.gather(code),
        }
    }

    fn int(&mut self, number: usize) -> Result<(), String> {
        self.push(Value::Int(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    /// What takes values from the stack, or remembers them.
    fn gather(&mut self, code: u8) -> Result<(), String> {
        match code {
            b't' => {
                let values = self.above_mark()?;
                self.push(Value::List(values))
            }
            0x85..=0x87 => {
                let mut values = (0x85..=code).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
                values.reverse();
                self.push(Value::List(values))
            }
            b'e' => {
                let values = self.above_mark()?;
                self.extend_list(values)
            }
            b'a' => {
                let value = self.pop()?;
                self.extend_list(vec![value])
            }
            b'u' => {
                let values = self.above_mark()?;
                self.extend_dict(values)
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(vec![key, value])
            }
            // A global by name, a call, an object to be made: none is.
            0x93 | b'R' | 0x81 => {
                self.pop()?;
                self.pop()?;
                self.push(Value::Opaque)
            }
            // The object is left out and its state kept.
            b'b' => {
                let state = self.pop()?;
                self.pop()?;
                self.push(state)
            }
            _ => self.remember(code),
        }
    }

    fn extend_list(&mut self, values: Vec<Value>) -> Result<(), String> {
        match self.stack.last_mut() {
            Some(Entry::Value(Value::List(list))) => list.extend(values),
            _ => return Err("a list is missing".to_owned()),
        }
        Ok(())
    }

    fn extend_dict(&mut self, values: Vec<Value>) -> Result<(), String> {
        let Some(Entry::Value(Value::Dict(pairs))) = self.stack.last_mut() else {
            return Err("a dictionary is missing".to_owned());
        };
        let mut values = values.into_iter();
        while let (Some(key), Some(value)) = (values.next(), values.next()) {
            pairs.push((key, value));
        }
        Ok(())
    }

    /// The memo: only what cannot grow afterwards is worth remembering, and only that is asked for here.
    fn remember(&mut self, code: u8) -> Result<(), String> {
        let place = match code {
            b'q' | b'h' => self.number(1)?,
            b'r' | b'j' => self.number(4)?,
            0x94 => self.memo.len(),
            _ => return Err(format!("the instruction {code:#04x} is not read")),
        };
        if place > VALUES_MAX {
            return Err("the memo is too large".to_owned());
        }
        if matches!(code, b'h' | b'j') {
            let value = self.memo.get(place).cloned().ok_or("a remembered value is missing")?;
            return self.push(value);
        }
        let value = match self.stack.last() {
            Some(Entry::Value(Value::Bytes(at))) => Value::Bytes(at.clone()),
            Some(Entry::Value(Value::Int(number))) => Value::Int(*number),
            _ => Value::Opaque,
        };
        if self.memo.len() <= place {
            self.memo.resize(place + 1, Value::Opaque);
        }
        self.memo[place] = value;
        Ok(())
    }
}
