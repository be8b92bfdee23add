//! In what parts a description is run: which batch-norms, sums and relus are one operation on the processor, and until when
//! each result is kept.

use simclr_models::{Description, Op, Step, Value};

/// What a step of the description does when the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Runs by itself.
    Alone,
    /// Runs inside a later relu.
    Absorbed,
    /// A relu that runs the batch-norm `norm`, and the sum with `residual` if any, before itself.
    Fused {
        /// The batch-norm's step.
        norm: usize,
        /// What is added to its result.
        residual: Option<Value>,
    },
}

/// What each step does, what it reads, and which step reads it last.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Action>,
    pub(crate) reads: Vec<Vec<Value>>,
    pub(crate) last_use: Vec<usize>,
}

impl Plan {
    /// Every step by itself.
    pub(crate) fn plain(description: &Description) -> Self {
        Self::new(description, vec![Action::Alone; description.steps().len()])
    }

    /// Together what can be.
    pub(crate) fn fused(description: &Description) -> Self {
        Self::new(description, fused(description))
    }

    fn new(description: &Description, actions: Vec<Action>) -> Self {
        let reads = reads(description, &actions);
        let mut last_use = vec![usize::MAX; actions.len()];
        for (index, values) in reads.iter().enumerate() {
            for &value in values {
                last_use[value] = index;
            }
        }
        Self { actions, reads, last_use }
    }
}

/// One action a step: every relu absorbs the batch-norm of a convolution, or the sum of one and something, that only it reads.
///
/// A head's batch-norm, which may end an encoder, is of rows and not of pictures: it runs by itself.
fn fused(description: &Description) -> Vec<Action> {
    let steps = description.steps();
    let mut readers = vec![0; steps.len()];
    for &input in steps.iter().flat_map(|step| &step.inputs) {
        readers[input] += 1;
    }
    let is_absorbable_norm = |value: Value| {
        let Step { op, inputs, .. } = &steps[value];
        readers[value] == 1
            && matches!(op, Op::BatchNorm { .. })
            && matches!(steps[inputs[0]].op, Op::Conv { .. })
    };
    let mut actions = vec![Action::Alone; steps.len()];
    for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.op == Op::Relu) {
        let input = step.inputs[0];
        if is_absorbable_norm(input) {
            actions[index] = Action::Fused { norm: input, residual: None };
            actions[input] = Action::Absorbed;
        } else if steps[input].op == Op::Add
            && readers[input] == 1
            && is_absorbable_norm(steps[input].inputs[0])
        {
            let norm = steps[input].inputs[0];
            actions[index] = Action::Fused { norm, residual: Some(steps[input].inputs[1]) };
            actions[input] = Action::Absorbed;
            actions[norm] = Action::Absorbed;
        }
    }
    actions
}

/// For each step the values it reads when run so.
fn reads(description: &Description, actions: &[Action]) -> Vec<Vec<Value>> {
    let steps = description.steps();
    let read = |(step, action): (&Step, &Action)| match *action {
        Action::Alone => step.inputs.clone(),
        Action::Absorbed => vec![],
        Action::Fused { norm, residual } => steps[norm].inputs.iter().copied().chain(residual).collect(),
    };
    steps.iter().zip(actions).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use simclr_models::{Head, HeadLayers, ResNet, Stem};

    #[test]
    fn all_of_a_resnet_but_its_shortcuts_is_fused() {
        for (depth, shortcuts) in [(18, 3), (50, 4)] {
            let description = ResNet::plain(depth, 0.25, Stem::SmallPicture).describe().unwrap();
            let actions = fused(&description);
            let alone = |op: fn(&Op) -> bool| {
                let pairs = description.steps().iter().zip(&actions);
                pairs.filter(|(step, action)| op(&step.op) && **action == Action::Alone).count()
            };
            assert_eq!(alone(|op| *op == Op::Relu), 0);
            assert_eq!(alone(|op| *op == Op::Add), 0);
            assert_eq!(alone(|op| matches!(op, Op::BatchNorm { .. })), shortcuts);
        }
    }

    #[test]
    fn a_heads_batch_norms_and_relus_run_by_themselves() {
        let head = Head { layers: 3, hidden: None, output: 8, batch_norm: true, last_shift: true };
        let network = ResNet::plain(18, 0.25, Stem::SmallPicture);
        let encoder = network.describe().unwrap().steps().len();
        for layers in 1..=3 {
            let description = network.describe_to(Some(&HeadLayers { layers, head })).unwrap();
            let actions = fused(&description);
            assert!(actions[encoder..].iter().all(|action| *action == Action::Alone), "{layers} layers");
        }
    }
}
