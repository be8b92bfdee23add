//! Many queries with many rows at once: a matrix product, so that what is loaded is used several times.

/// Every query with every row: `scores[q · rows + r]`, for `queries` and `rows` (f32, row-major) of `dimension` numbers each.
pub(crate) fn product(dimension: usize, queries: &[f32], rows: &[f32], scores: &mut Vec<f32>) {
    let [queries_count, rows_count] = [queries, rows].map(|numbers| numbers.len() / dimension.max(1));
    scores.clear();
    scores.resize(queries_count * rows_count, 0.0);
    // No slice has more than isize::MAX bytes.
    let (stride, width) = (dimension as isize, rows_count as isize);
    // SAFETY: there are as many whole rows of `dimension` numbers as the counts say, and room for each pair's score; a
    // `Vec` that may be written to is nobody else's.
    unsafe {
        matrixmultiply::sgemm(
            queries_count,
            dimension,
            rows_count,
            1.0,
            queries.as_ptr(),
            stride,
            1,
            rows.as_ptr(),
            1,
            stride,
            0.0,
            scores.as_mut_ptr(),
            width,
            1,
        );
    }
}
