//! What stands on the encoder in training: the projection head g of SimCLR (§2.1), z = g(h), or a linear classifier.

use serde::{Deserialize, Serialize};

use super::{Builder, Description, DescriptionError, ResNet};

/// The projection head's shape: `layers` matrix products with ReLU between them, or none: z = h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// 2 in the first paper, W₂·relu(W₁·h); 1 and 0 are the linear head and no head of its figure 8; 3 in SimCLRv2.
    pub layers: usize,
    /// Length of hidden layers; the embedding's length when absent, as in the paper.
    pub hidden: Option<usize>,
    /// Length of the projection z; 128 in the paper, which tried 32 to 2048. Without layers it is the embedding's.
    pub output: usize,
    /// Whether each matrix product is followed by a batch-norm, as in the published code, instead of having a bias.
    pub batch_norm: bool,
    /// Whether the last batch-norm learns a shift like the others; the published code's does not (`center=False`).
    #[serde(default = "yes")]
    pub last_shift: bool,
}

fn yes() -> bool {
    true
}

/// The first layers of a projection head, as far as an artefact gives their output instead of h. A layer that is not the
/// head's last includes its ReLU: SimCLRv2 fine-tunes from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadLayers {
    /// How many: 1 to the head's.
    pub layers: usize,
    /// The whole head.
    pub head: Head,
}

/// Lists the steps of `head` on embeddings of length `input`; without layers there are none but the input.
///
/// # Errors
/// When a length is zero.
pub fn describe_head(head: &Head, input: usize) -> Result<Description, DescriptionError> {
    first_layers(head, head.layers, input)
}

impl ResNet {
    /// The network up to h, or, with a head, up to the output of its first layers.
    ///
    /// # Errors
    /// When the network does not exist, or the head has not so many layers.
    pub fn describe_to(&self, head: Option<&HeadLayers>) -> Result<Description, DescriptionError> {
        let encoder = self.describe()?;
        let Some(HeadLayers { layers, head }) = head else {
            return Ok(encoder);
        };
        if !(1..=head.layers).contains(layers) {
            return Err(DescriptionError::HeadLayers { asked: *layers, there_are: head.layers });
        }
        let head = first_layers(head, *layers, encoder.output_len())?;
        Ok(encoder.then(head))
    }
}

fn first_layers(head: &Head, layers: usize, input: usize) -> Result<Description, DescriptionError> {
    let hidden = head.hidden.unwrap_or(input);
    for (length, what) in [(hidden, "hidden length"), (head.output, "output length")] {
        if length == 0 {
            return Err(DescriptionError::HeadLength(what));
        }
    }
    let (mut d, mut x) = Builder::new();
    let mut from = input;
    for layer in 0..layers {
        let is_last = layer + 1 == head.layers;
        let to = if is_last { head.output } else { hidden };
        x = d.linear(x, &format!("head.{layer}"), from, to, !head.batch_norm);
        if head.batch_norm {
            let name = format!("head.{layer}.bn");
            let has_shift = !is_last || head.last_shift;
            x = if has_shift { d.batch_norm(x, &name, to, false) } else { d.batch_scale(x, &name, to) };
        }
        if !is_last {
            x = d.relu(x);
        }
        from = to;
    }
    Ok(d.finish(from))
}

/// A matrix product and a bias from embeddings of length `input` to `classes` logits, starting at zero as in the
/// published code (`zero_init_logits_layer`), so that every class is first equally likely.
///
/// # Errors
/// When there is no class.
pub fn describe_classifier(input: usize, classes: usize) -> Result<Description, DescriptionError> {
    if classes == 0 {
        return Err(DescriptionError::HeadLength("number of classes"));
    }
    let (mut d, x) = Builder::new();
    d.classifier(x, "head.0", input, classes);
    Ok(d.finish(classes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_head_on_resnet50() {
        let head = Head { layers: 2, hidden: None, output: 128, batch_norm: false, last_shift: true };
        let d = describe_head(&head, 2048).unwrap();
        assert_eq!(d.output_len(), 128);
        assert_eq!(d.learned_len(), 2048 * 2048 + 2048 + 2048 * 128 + 128);
    }

    #[test]
    fn empty_layers_are_refused() {
        let head = Head { layers: 2, hidden: Some(0), output: 128, batch_norm: false, last_shift: true };
        assert!(describe_head(&head, 8).is_err());
    }

    #[test]
    fn without_layers_the_projection_is_the_embedding() {
        let head = Head { layers: 0, hidden: None, output: 128, batch_norm: true, last_shift: true };
        let d = describe_head(&head, 512).unwrap();
        assert_eq!((d.output_len(), d.learned_len(), d.steps().len()), (512, 0, 1));
    }

    #[test]
    fn the_published_codes_head_learns_no_bias_and_no_last_shift() {
        let head = Head { layers: 3, hidden: None, output: 128, batch_norm: true, last_shift: false };
        let count = |head| describe_head(&head, 512).unwrap().learned_len();
        // Weights, scales, and the shifts of the two hidden layers.
        assert_eq!(count(head), 2 * 512 * 512 + 512 * 128 + (2 * 512 + 128) + 2 * 512);
        assert_eq!(count(Head { last_shift: true, ..head }), count(head) + 128);
    }

    #[test]
    fn layers_of_a_head_stand_on_the_encoder() {
        let network = ResNet::plain(18, 0.25, crate::Stem::SmallPicture);
        let head = Head { layers: 3, hidden: Some(32), output: 16, batch_norm: true, last_shift: true };
        let to = |layers| network.describe_to(Some(&HeadLayers { layers, head }));
        let h = network.describe_to(None).unwrap();
        for (layers, length) in [(1, 32), (2, 32), (3, 16)] {
            let d = to(layers).unwrap();
            assert_eq!(d.output_len(), length);
            assert_eq!(d.steps()[..h.steps().len()], *h.steps());
            assert_eq!(d.steps()[h.steps().len()].inputs, [h.steps().len() - 1]);
            assert_eq!(d.steps().last().unwrap().op == crate::Op::Relu, layers < 3);
        }
        assert!(to(0).is_err() && to(4).unwrap_err().to_string().contains("3 layers"));
    }

    #[test]
    fn a_classifier_starts_at_zero() {
        let d = describe_classifier(8, 10).unwrap();
        assert_eq!((d.output_len(), d.learned_len()), (10, 90));
        let first = crate::Weights::initial(&d, 3);
        assert!(first.tensors().iter().all(|t| t.data.iter().all(|&x| x == 0.0)));
        assert!(describe_classifier(8, 0).is_err());
    }
}
