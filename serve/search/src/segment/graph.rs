//! How a graph is made: node after node is linked to the nearest found so far, and lists that grow long are thinned.
//!
//! Codes in, links out. Which links stay is Vamana's rule (DiskANN, Subramanya et al. 2019, algorithm 2): a neighbour is
//! left out when a nearer one is `ALPHA` times nearer to it than the node itself is. Distances are squared and taken
//! between codes; that is near enough to choose links by.

use super::walk::{Field, NO_LINK, Walk};
use crate::distance::{CodeQuery, Kernel, Scale};
use crate::large_pages::roomy;

/// How far a detour may be before a direct link is worth its place, in squared distance.
const ALPHA: f32 = 1.25;
/// Nodes weighed when a node is linked.
const WIDTH_BUILD: usize = 128;
/// Places of a list while the graph grows, for each place in the end; thinning a list is dear, so it is done rarely.
const SLACK: usize = 2;

/// A graph under construction.
pub(crate) struct GraphBuilder<'a> {
    kernel: Kernel,
    codes: &'a [u8],
    scales: &'a [Scale],
    stride: usize,
    degree: usize,
    links: Vec<u32>,
    lengths: Vec<u16>,
    walk: Walk,
    thinning: Thinning,
}

/// The memory of thinning a list.
#[derive(Default)]
struct Thinning {
    query: CodeQuery,
    candidates: Vec<(f32, u32)>,
    nodes: Vec<u32>,
    dots: Vec<i32>,
    kept: Vec<u32>,
}

impl<'a> GraphBuilder<'a> {
    /// Of `scales.len()` nodes with `stride` codes each, to have `degree` links at most.
    pub(crate) fn new(
        kernel: Kernel,
        codes: &'a [u8],
        scales: &'a [Scale],
        stride: usize,
        degree: usize,
    ) -> Self {
        let nodes = scales.len();
        let mut links = roomy(nodes * degree * SLACK);
        links.resize(nodes * degree * SLACK, NO_LINK);
        Self {
            kernel,
            codes,
            scales,
            stride,
            degree,
            links,
            lengths: vec![0; nodes],
            walk: Walk::default(),
            thinning: Thinning::default(),
        }
    }

    /// Links a node to the nearest of those that are linked already.
    pub(crate) fn insert(&mut self, node: u32, entries: &[u32]) {
        let codes = &self.codes[node as usize * self.stride..][..self.stride];
        self.walk.query.set_codes(codes, self.scales[node as usize]);
        let field = Field {
            kernel: self.kernel,
            codes: self.codes,
            scales: self.scales,
            links: &self.links,
            degree: self.degree * SLACK,
            entries,
        };
        let found = self.walk.run(&field, WIDTH_BUILD);
        self.thinning.candidates.clear();
        let others = found.iter().filter(|spot| spot.node() != node);
        self.thinning.candidates.extend(others.map(|spot| (distance(spot.score), spot.node())));
        self.thin(node);
        for i in 0..self.lengths[node as usize] as usize {
            let link = self.links[node as usize * self.degree * SLACK + i];
            self.add(link, node);
        }
    }

    /// Adds a link, thinning the list when it is full.
    fn add(&mut self, from: u32, to: u32) {
        let (start, length) = (from as usize * self.degree * SLACK, self.lengths[from as usize] as usize);
        if self.links[start..start + length].contains(&to) {
            return;
        }
        self.links[start + length] = to;
        self.lengths[from as usize] += 1;
        if length + 1 == self.degree * SLACK {
            self.weigh_links(from);
            self.thin(from);
        }
    }

    /// Makes the links of a node the candidates for its new list.
    fn weigh_links(&mut self, node: u32) {
        let (start, length) = (node as usize * self.degree * SLACK, self.lengths[node as usize] as usize);
        let Thinning { query, candidates, nodes, dots, .. } = &mut self.thinning;
        nodes.clear();
        nodes.extend_from_slice(&self.links[start..start + length]);
        let codes = &self.codes[node as usize * self.stride..][..self.stride];
        query.set_codes(codes, self.scales[node as usize]);
        self.kernel.code_dots(query, self.codes, nodes, dots);
        let weighed = |(&other, &dot)| (distance(query.cosine(dot, self.scales[other as usize])), other);
        candidates.clear();
        candidates.extend(nodes.iter().zip(&*dots).map(weighed));
    }

    /// Replaces a node's list by the best of the candidates, each at a different side of it.
    fn thin(&mut self, node: u32) {
        let Thinning { query, candidates, nodes, dots, kept } = &mut self.thinning;
        candidates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        kept.clear();
        while let Some(&(_, nearest)) = candidates.first()
            && kept.len() < self.degree
        {
            kept.push(nearest);
            let codes = &self.codes[nearest as usize * self.stride..][..self.stride];
            query.set_codes(codes, self.scales[nearest as usize]);
            nodes.clear();
            nodes.extend(candidates.iter().map(|(_, other)| *other));
            self.kernel.code_dots(query, self.codes, nodes, dots);
            let mut i = 0;
            candidates.retain(|&(from_node, other)| {
                let between = distance(query.cosine(dots[i], self.scales[other as usize]));
                i += 1;
                other != nearest && ALPHA * between > from_node
            });
        }
        let start = node as usize * self.degree * SLACK;
        let list = &mut self.links[start..start + self.degree * SLACK];
        list[..kept.len()].copy_from_slice(kept);
        list[kept.len()..].fill(NO_LINK);
        self.lengths[node as usize] = kept.len() as u16;
    }

    /// Thins what is still too long, and returns `degree + spare` places a node, nearest first.
    pub(crate) fn finish(mut self, spare: usize) -> Vec<u32> {
        let mut links = roomy(self.lengths.len() * (self.degree + spare));
        for node in 0..self.lengths.len() as u32 {
            if self.lengths[node as usize] as usize > self.degree {
                self.weigh_links(node);
                self.thin(node);
            }
            links.extend_from_slice(&self.links[node as usize * self.degree * SLACK..][..self.degree]);
            links.extend(std::iter::repeat_n(NO_LINK, spare));
        }
        links
    }
}

/// Squared, between the ends of two directions with this cosine.
fn distance(cosine: f32) -> f32 {
    (2.0 - 2.0 * cosine).max(0.0)
}
