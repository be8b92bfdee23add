//! `simclr-eval leaks`: which test pictures are among the training pictures.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use simclr_eval::Source;
use simclr_eval::leaks::{Options, find_leaks};

use super::{DatasetArgument, encoders, like, threads};
use crate::progress::Progress;

#[derive(Args)]
#[command(after_help = "Examples:
  simclr-eval leaks --encoder models/artefacts/mine --train cifar10=data/cifar10 --test cifar10=data/cifar10 --out runs/leaks
  simclr-eval leaks --encoder models/artefacts/mine --train folder=my/pictures --test oxford_pets=data/pets --out runs/leaks
  simclr-eval run --exclude-leaks runs/leaks/leaks.json …

Of a training set the training and validation pictures count, of a test set the test pictures. Writes leaks.json and
leaks.html, which shows every pair side by side. Look at it before you exclude anything: no threshold is right for all sets.")]
pub(crate) struct Leaks {
    /// Artefact folder, a foreign encoder's TOML, `random:…` or `pixels`: proposes candidates
    #[arg(long)]
    encoder: String,
    /// Training set as name=folder; repeat for several
    #[arg(long, required = true)]
    train: Vec<DatasetArgument>,
    /// Test set as name=folder; repeat for several
    #[arg(long, required = true)]
    test: Vec<DatasetArgument>,
    /// Similarity from which two pictures count as one
    #[arg(long, default_value_t = Options::default().above)]
    above: f32,
    /// Nearest training pictures that are compared with each test picture
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    neighbours: u32,
    /// Artefact whose recipe and network a baseline takes
    #[arg(long)]
    like: Option<PathBuf>,
    /// Folder for leaks.json and leaks.html
    #[arg(long, default_value = "runs/leaks")]
    out: PathBuf,
    /// Threads of the encoder; all cores, unless given
    #[arg(long)]
    threads: Option<usize>,
    /// Print leaks.json
    #[arg(long)]
    json: bool,
}

impl Leaks {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        anyhow::ensure!(
            self.above > 0.0 && self.above <= 1.0,
            "--above must be above 0 and at most 1, not {}",
            self.above
        );
        let specs = encoders(std::slice::from_ref(&self.encoder))?;
        anyhow::ensure!(specs.len() == 1, "name one encoder");
        let like = like(self.like.as_deref(), &specs)?;
        let open = |arguments: &[DatasetArgument]| {
            arguments.iter().map(DatasetArgument::open).collect::<anyhow::Result<Vec<_>>>()
        };
        let (train, tests) = (open(&self.train)?, open(&self.test)?);
        let mut source = Source::open(&specs[0], like.as_ref(), threads(self.threads))?;
        let options =
            Options { above: self.above, neighbours: self.neighbours as usize, ..Options::default() };
        let mut progress = Progress::new();
        progress.about("leaks".to_owned());
        let leaks = find_leaks(&mut source, &train, &tests, &options, &mut progress)?;
        progress.finish();
        std::fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        let json = serde_json::to_string_pretty(&leaks)? + "\n";
        let page = leaks.page(&train, &tests, &options.limits);
        for (name, text) in [("leaks.json", &json), ("leaks.html", &page)] {
            let path = self.out.join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        }
        if self.json {
            print!("{json}");
        } else {
            for test in &leaks.tests {
                let exact = test.leaks.iter().filter(|leak| leak.is_exact).count();
                let (name, splits, all) = (&test.looked.dataset, &test.looked.splits, test.looked.pictures);
                println!(
                    "{name} {splits}: {} of {all} pictures are among the training pictures, {exact} in every pixel",
                    test.leaks.len()
                );
            }
            println!("written: {}", self.out.join("leaks.html").display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
