//! `simclr-serve evaluate`: the process in which the server has evaluations done, at a low priority.
//!
//! An order's file in, lines of JSON on stdout. It ends when its stdin does, so it never outlives a server that was killed.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use simclr_serve::{Order, carry_out, yield_to_others};

/// Do what a server ordered; servers start this themselves
#[derive(Args)]
pub(crate) struct EvaluateArgs {
    /// The order's file
    order: PathBuf,
    /// Niceness, 0 to 19
    #[arg(long, default_value_t = 19)]
    nice: u8,
}

/// Evaluates and tells on stdout how it goes.
pub(crate) fn run(arguments: &EvaluateArgs) -> anyhow::Result<ExitCode> {
    // Before any thread begins: those that follow inherit it.
    yield_to_others(arguments.nice);
    let text = std::fs::read(&arguments.order).with_context(|| arguments.order.display().to_string())?;
    let order: Order = serde_json::from_slice(&text).context("the order")?;
    std::thread::spawn(|| {
        // Whatever ends the pipe, nobody waits for the results any more.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    carry_out(&order, &mut |line| {
        let mut out = std::io::stdout().lock();
        // Without a reader the pipe of stdin ends too.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    });
    Ok(ExitCode::SUCCESS)
}
