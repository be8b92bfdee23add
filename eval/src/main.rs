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
    /// Test whether one encoder is better than another, dataset by dataset
    Compare(commands::compare::Compare),
    /// Put the scores of several runs into one table
    Report(commands::report::Report),
    /// Find test pictures that are, exactly or nearly, among training pictures
    Leaks(commands::leaks::Leaks),
    /// Write the embeddings and labels of a dataset's splits as .npy files
    Embed(commands::embed::Embed),
    #[command(hide = true)]
    BenchProbe(commands::bench_probe::BenchProbe),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(command) => command.run(),
        Command::CheckData(command) => command.run(),
        Command::Compare(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Leaks(command) => command.run(),
        Command::Embed(command) => command.run(),
        Command::BenchProbe(command) => command.run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program's command lines in a text: continued lines joined, quotes and comment signs gone, variables numbers.
    fn commands(text: &str) -> Vec<Vec<String>> {
        let (mut found, mut current): (Vec<Vec<String>>, Option<Vec<String>>) = (Vec::new(), None);
        for line in text.lines() {
            let line = line.trim().trim_start_matches("# ").trim();
            if line.starts_with("simclr-eval ") {
                found.extend(current.replace(Vec::new()));
            } else if !line.starts_with("--") {
                found.extend(current.take());
            }
            if let Some(words) = &mut current {
                let plain = line.trim_end_matches('\\').replace('"', "");
                words.extend(plain.split_whitespace().map(number));
            }
        }
        found.extend(current);
        found
    }

    fn number(word: &str) -> String {
        let known = [("TASK_COUNT}", "8"), ("TASK_ID}", "7"), ("INDEX}", "7"), ("PER_TASK}", "8")];
        let mut word = word.to_owned();
        while let Some((start, end)) = word.find("${").zip(word.find('}')) {
            let value = known.iter().find(|(name, _)| word[..=end].ends_with(name)).map_or("?", |(_, v)| v);
            word.replace_range(start..=end, value);
        }
        word
    }

    #[test]
    fn the_commands_of_the_examples_exist() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/evaluation");
        let mut count = 0;
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            for words in commands(&std::fs::read_to_string(&path).unwrap()) {
                Cli::try_parse_from(&words).unwrap_or_else(|e| panic!("{}: {words:?}: {e}", path.display()));
                count += usize::from(words.contains(&"7/8".to_owned())) + 1;
            }
        }
        assert_eq!(count, 2 + 2 + 2, "two examples, each a shard's run and a report");
    }
}
