//! `simclr-train`: pretrains an encoder, resumes a run, exports an artefact.

mod commands;

use clap::Parser;

fn main() -> anyhow::Result<()> {
    commands::Cli::parse().run()
}
