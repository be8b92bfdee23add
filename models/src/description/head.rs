//! The projection head g of SimCLR (§2.1): z = g(h). It exists only in training.

use serde::{Deserialize, Serialize};

use super::{Builder, Description, DescriptionError};

/// The projection head's shape: `layers` matrix products with ReLU between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// 2 in the first paper, W₂·relu(W₁·h); 1 is the linear head of its figure 8.
    pub layers: usize,
    /// Length of hidden layers; the embedding's length when absent, as in the paper.
    pub hidden: Option<usize>,
    /// Length of the projection z; 128 in the paper.
    pub output: usize,
    /// Whether each matrix product is followed by a batch-norm, as in the published code, instead of having a bias.
    pub batch_norm: bool,
}

/// Lists the steps of `head` on embeddings of length `input`.
///
/// # Errors
/// When a length or the number of layers is zero.
pub fn describe_head(head: &Head, input: usize) -> Result<Description, DescriptionError> {
    let hidden = head.hidden.unwrap_or(input);
    for (length, what) in [(head.layers, "layers"), (hidden, "hidden length"), (head.output, "output length")]
    {
        if length == 0 {
            return Err(DescriptionError::HeadLength(what));
        }
    }
    let (mut d, mut x) = Builder::new();
    let mut from = input;
    for layer in 0..head.layers {
        let is_last = layer + 1 == head.layers;
        let to = if is_last { head.output } else { hidden };
        x = d.linear(x, &format!("head.{layer}"), from, to, !head.batch_norm);
        if head.batch_norm {
            x = d.batch_norm(x, &format!("head.{layer}.bn"), to, false);
        }
        if !is_last {
            x = d.relu(x);
        }
        from = to;
    }
    Ok(d.finish(head.output))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_head_on_resnet50() {
        let head = Head { layers: 2, hidden: None, output: 128, batch_norm: false };
        let d = describe_head(&head, 2048).unwrap();
        assert_eq!(d.output_len(), 128);
        assert_eq!(d.learned_len(), 2048 * 2048 + 2048 + 2048 * 128 + 128);
    }

    #[test]
    fn empty_layers_are_refused() {
        let head = Head { layers: 2, hidden: Some(0), output: 128, batch_norm: false };
        assert!(describe_head(&head, 8).is_err());
    }
}
