//! The command line: words in, exit status out; everything else is in the library.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;
mod progress;

#[derive(Parser)]
#[command(version, about = "Judge encoders by nearest neighbours and a linear probe")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge encoders on datasets: kNN and linear probe
    Run(commands::run::Run),
    /// Look at a dataset: classes, sizes and, with --decode, every picture
    CheckData(commands::check_data::CheckData),
    /// Put the scores of several runs into one table
    Report(commands::report::Report),
    /// Write the embeddings and labels of a dataset's splits as .npy files
    Embed(commands::embed::Embed),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(command) => command.run(),
        Command::CheckData(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Embed(command) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
