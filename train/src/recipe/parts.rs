//! A recipe field by field while it is read: what is there is checked, whatever else is missing or cannot be read.

use simclr_models::{Head, HeadLayers, ResNet, is_name};

use super::problems::{Problems, Reader};
use super::{Data, Monitor, Objective, Optimiser, Precision, Schedule, TrainRecipe, Views};

/// A recipe's fields; none of those that are missing or cannot be read.
#[derive(Debug)]
pub(super) struct Parts {
    name: Option<String>,
    seed: Option<u64>,
    batch: Option<usize>,
    micro_batch: Option<Option<usize>>,
    precision: Option<Precision>,
    data: Option<Data>,
    encoder: Option<ResNet>,
    head: Option<Head>,
    kept_head: Option<Option<HeadLayers>>,
    views: Option<Views>,
    objective: Option<Objective>,
    optimiser: Option<Optimiser>,
    schedule: Option<Schedule>,
    monitor: Option<Option<Monitor>>,
}

impl Parts {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            name: reader.field("name"),
            seed: reader.field("seed"),
            batch: reader.field("batch"),
            micro_batch: reader.optional("micro_batch"),
            precision: reader.field("precision"),
            data: reader.field("data"),
            encoder: reader.strict_field("encoder"),
            head: reader.field("head"),
            kept_head: reader.optional("kept_head"),
            views: reader.field("views"),
            objective: reader.field("objective"),
            optimiser: reader.field("optimiser"),
            schedule: reader.field("schedule"),
            monitor: reader.optional("monitor"),
        }
    }

    /// The recipe, if every field is there.
    pub(super) fn whole(self) -> Option<TrainRecipe> {
        Some(TrainRecipe {
            name: self.name?,
            seed: self.seed?,
            batch: self.batch?,
            micro_batch: self.micro_batch?,
            precision: self.precision?,
            data: self.data?,
            encoder: self.encoder?,
            head: self.head?,
            kept_head: self.kept_head?,
            views: self.views?,
            objective: self.objective?,
            optimiser: self.optimiser?,
            schedule: self.schedule?,
            monitor: self.monitor?,
        })
    }

    /// Notes everything that is out of range, or does not fit another field that is there.
    pub(super) fn check(&self, problems: &mut Problems) {
        if let Some(name) = &self.name {
            let rule = "name must be 1 to 100 letters, digits, - _ ., the first a letter or digit: it will be its artefact's";
            problems.require(is_name(name), rule);
        }
        if let Some(batch) = self.batch {
            problems.require(batch >= 2, "batch must be at least 2: NT-Xent needs a negative");
        }
        if let (Some(batch), Some(Some(micro))) = (self.batch, self.micro_batch) {
            let fits = micro >= 2 && batch.is_multiple_of(micro);
            problems.require(fits, "micro_batch must be at least 2 and divide batch");
        }
        if let Some(data) = &self.data {
            data.check(self.views.as_ref().map(|views| views.side), problems);
        }
        if let Some(views) = &self.views {
            views.check(problems);
            problems.check(views.preprocessing().check());
        }
        if let Some(objective) = &self.objective {
            objective.check(problems);
        }
        if let Some(optimiser) = &self.optimiser {
            optimiser.check(problems);
        }
        if let Some(schedule) = &self.schedule {
            schedule.check(problems);
        }
        if let Some(Some(monitor)) = &self.monitor {
            monitor.check(problems);
        }
        self.check_network(problems);
    }

    fn check_network(&self, problems: &mut Problems) {
        if let (Some(Some(_)), Some(objective)) = (&self.kept_head, &self.objective) {
            let is_tuned = objective.classes().is_some();
            problems.require(is_tuned, "kept_head is for fine-tuning: it needs an objective with classes");
        }
        let (Some(encoder), Some(kept_head)) = (&self.encoder, &self.kept_head) else { return };
        match encoder.describe_to(kept_head.as_ref()) {
            Ok(encoder) => {
                let described = |head| simclr_models::describe_head(head, encoder.output_len());
                problems.check(self.head.as_ref().map_or(Ok(()), |head| described(head).map(|_| ())));
            }
            Err(error) => problems.add(&error),
        }
    }
}
