//! What a run leaves beside its outcomes: the report, and what the artefact is handed where that was asked for.

use anyhow::Context;
use simclr_eval::run::{Plan, Setting};
use simclr_eval::{CLASSIFIERS, EncoderSpec, Outcome, Report, Score, Storage, folder_name, table};
use simclr_models::{Artefact, CardScore};

use super::Run;
use crate::commands::typed_command;

impl Run {
    /// Makes the report from the outcomes as they lie in storage, whichever run left them.
    pub(super) fn report(&self, setting: &Setting, plan: &Plan) -> anyhow::Result<()> {
        let mut report = Report {
            command: typed_command(),
            program: concat!("simclr-eval ", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: self.seed,
            scores: Vec::new(),
            probes: Vec::new(),
        };
        for (spec, jobs) in setting.specs.iter().zip(&plan.by_encoder) {
            let outcomes = jobs.iter().map(|(_, job)| Outcome::load(&job.place(&setting.out)));
            let outcomes: Vec<Outcome> = outcomes.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            if let EncoderSpec::Artefact(folder) = spec {
                self.hand_over(&mut Artefact::open(folder)?, &outcomes, setting, &report.command)?;
            }
            for outcome in outcomes {
                report.scores.extend(outcome.scores);
                report.probes.extend(outcome.probe);
            }
        }
        report.save(&setting.out)?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report)?);
        } else {
            print!("{}", table(&report.scores));
            println!("written: {}", setting.out);
        }
        Ok(())
    }

    /// Puts probes and scores into the artefact, where that was asked for.
    fn hand_over(
        &self,
        artefact: &mut Artefact,
        outcomes: &[Outcome],
        setting: &Setting,
        command: &str,
    ) -> anyhow::Result<()> {
        for outcome in outcomes.iter().filter(|outcome| self.install_probe && outcome.probe.is_some()) {
            let file = format!("{}.safetensors", outcome.dataset);
            let from = setting.out.under(&folder_name(&outcome.encoder)).under(CLASSIFIERS);
            let bytes = from.read(&file)?.with_context(|| format!("{from}/{file} is missing"))?;
            Storage::folder(&artefact.probes_folder()).write(&file, &bytes)?;
        }
        let score = |s: &Score| CardScore {
            data: s.data.clone(),
            split: s.split.clone(),
            metric: s.metric.clone(),
            method: s.method.clone(),
            value: s.value,
            command: command.to_owned(),
        };
        if self.write_card {
            let shown = outcomes.iter().flat_map(|outcome| for_card(&outcome.scores)).map(score);
            artefact.add_scores(shown.collect())?;
        }
        Ok(())
    }
}

/// What a card shows of a dataset: one vote of neighbours and the linear probe, by the dataset's own metric.
fn for_card(scores: &[Score]) -> impl Iterator<Item = &Score> {
    let first = |family: &str| scores.iter().find(|score| score.method.starts_with(family));
    [first("knn"), first("linear")].into_iter().flatten()
}
