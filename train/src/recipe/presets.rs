//! Published settings by name. A recipe that says `preset = "paper"` needs to write only what it changes.
//!
//! What they differ in is one field each: weight decay, brightness, the blur's σ, the rate's place in LARS, the loss's
//! factor, the head's depth and batch-norms, how the rate grows with the batch.

use toml::{Table, Value};

/// Settings that were published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// What a recipe calls it.
    pub name: &'static str,
    /// Its fields, as TOML with their sources.
    pub text: &'static str,
}

/// Every preset: the paper's §2.3 and appendix A; the published code's flags; batches of 256 by square-root scaling.
pub const PRESETS: [Preset; 3] = [
    Preset { name: "paper", text: include_str!("presets/paper.toml") },
    Preset { name: "google-code", text: include_str!("presets/google-code.toml") },
    Preset { name: "small-batch", text: include_str!("presets/small-batch.toml") },
];

/// A recipe's fields over its preset's, if it names one.
pub(super) fn resolve(text: &str) -> Result<Table, String> {
    let mut own: Table = toml::from_str(text).map_err(|error| error.to_string())?;
    let Some(name) = own.remove("preset") else {
        return Ok(own);
    };
    let preset = PRESETS.iter().find(|preset| name.as_str() == Some(preset.name)).ok_or_else(|| {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        format!("preset {name} is not known; there are {}", names.join(", "))
    })?;
    let base: Table = toml::from_str(preset.text).map_err(|error| format!("preset {name}: {error}"))?;
    Ok(over(base, own))
}

/// `own` over `base`, table by table; a table of another `kind` replaces the base's, since its fields mean nothing to it.
pub(crate) fn over(mut base: Table, own: Table) -> Table {
    for (key, value) in own {
        let value = match (base.remove(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => {
                let is_other_kind = above.get("kind").is_some_and(|kind| below.get("kind") != Some(kind));
                Value::Table(if is_other_kind { above } else { over(below, above) })
            }
            (_, value) => value,
        };
        base.insert(key, value);
    }
    base
}
