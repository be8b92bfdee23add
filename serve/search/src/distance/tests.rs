//! Every kernel against plain loops, at every length.

use super::*;

fn numbers(length: usize, a: usize, b: usize, modulus: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * a + b) % modulus) as f32 / (modulus / 2) as f32 - 1.0).collect()
}

#[test]
fn every_kernel_agrees_with_a_plain_loop_at_every_length() {
    for length in 0..=200 {
        let (a, b) = (numbers(length, 37, 11, 101), numbers(length, 53, 7, 97));
        let plain: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
        for kernel in Kernel::available() {
            let found = f64::from(kernel.dot(&a, &b));
            assert!((found - plain).abs() < 1e-4, "{} at {length}: {found} against {plain}", kernel.name());
            if length > 0 {
                let mut scores = vec![9.0];
                kernel.dots(&a, &[b.clone(), a.clone(), b.clone()].concat(), &mut scores);
                let expected = [kernel.dot(&a, &b), kernel.dot(&a, &a), kernel.dot(&a, &b)];
                assert_eq!(scores, expected, "{} at {length}", kernel.name());
            }
        }
    }
}

#[test]
fn a_product_of_matrices_is_every_query_with_every_row() {
    for (dimension, queries, rows) in
        [(1, 1, 1), (16, 4, 8), (33, 5, 7), (128, 9, 3), (100, 3, 21), (600, 70, 80)]
    {
        let a = numbers(dimension * queries, 37, 11, 101);
        let b = numbers(dimension * rows, 53, 7, 97);
        let mut scores = vec![9.0; 3];
        product(dimension, &a, &b, &mut scores);
        assert_eq!(scores.len(), queries * rows);
        for (i, score) in scores.iter().enumerate() {
            let (query, row) = (&a[i / rows * dimension..][..dimension], &b[i % rows * dimension..]);
            let plain: f64 = query.iter().zip(row).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            assert!((f64::from(*score) - plain).abs() < 1e-3, "{score} for {plain} at {dimension}");
        }
    }
}

#[test]
fn codes_give_the_same_sums_with_every_kernel_and_come_close_to_the_numbers() {
    for dimension in [1, 2, 63, 64, 65, 100, 128, 257, 512, 2048] {
        let directions: Vec<Vec<f32>> = (0..9)
            .map(|i| {
                let raw = numbers(dimension, 37 + 2 * i, 11 + i, 101);
                let length = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
                raw.iter().map(|x| x / length).collect()
            })
            .collect();
        let (mut codes, mut scales, mut query) = (Vec::new(), Vec::new(), CodeQuery::default());
        let centre: Vec<f32> = directions[7].iter().map(|x| 0.4 * x).collect();
        for direction in &directions {
            scales.push(append_codes(direction, &centre, &mut codes));
        }
        query.set(&directions[4], &centre);
        let nodes = [3, 0, 8, 4, 4, 7, 1];
        let (mut expected, mut dots) = (Vec::new(), vec![77]);
        byte::scalar(&query, &codes, &nodes, &mut expected);
        for kernel in Kernel::available() {
            kernel.code_dots(&query, &codes, &nodes, &mut dots);
            assert_eq!(dots, expected, "{} at {dimension}", kernel.name());
        }
        for (&node, &dot) in nodes.iter().zip(&expected) {
            let near = query.cosine(dot, scales[node as usize]);
            let exact = float::scalar(&directions[4], &directions[node as usize]);
            assert!((near - exact).abs() < 0.02, "{near} for {exact} at {dimension}");
        }
        let mut again = CodeQuery::default();
        again.set_codes(&codes[4 * padded(dimension)..][..padded(dimension)], scales[4]);
        assert_eq!((again.codes(), again.offset()), (query.codes(), query.offset()));
    }
}

#[test]
#[should_panic(expected = "nodes")]
fn a_node_outside_is_refused() {
    let mut query = CodeQuery::default();
    query.set(&[1.0; 64], &[0.0; 64]);
    Kernel::best().code_dots(&query, &[128; 128], &[0, 2], &mut Vec::new());
}
