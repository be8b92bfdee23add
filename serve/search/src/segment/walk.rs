//! The walk over a graph: from nodes near the query to nearer ones, until the best few lead nowhere better.
//!
//! A query in codes and a field of linked codes in; the best nodes with their approximate cosine out, best first. It
//! knows nothing of records, of files, or of who is alive. Beam search as in HNSW (Malkov & Yashunin 2016, algorithm 2), in
//! two layers: a walk over one node in sixteen says where to begin among all.

use crate::distance::{CodeQuery, Kernel, Scale};

/// Ends a list of links that is shorter than the degree.
pub(crate) const NO_LINK: u32 = u32::MAX;
/// Marks a node of the pool whose links have been followed.
const FOLLOWED: u32 = 1 << 31;

/// Nodes that the walk over the upper layer hands down.
const STARTS: usize = 12;
/// A walk is lost where the query lies this many times as far from the node found as that lies from its neighbours.
const LOST: f32 = 2.0;
/// Nodes that walks over the upper layer keep, one after the other, until one is not lost.
const WIDTHS: [usize; 3] = [STARTS, 64, WIDEST];
const WIDEST: usize = 256;

/// Nodes, their codes and their links.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) kernel: Kernel,
    /// Row-major, one padded row a node.
    pub(crate) codes: &'a [u8],
    /// One a node.
    pub(crate) scales: &'a [Scale],
    /// `degree` places a node, the lists ended by [`NO_LINK`] where shorter.
    pub(crate) links: &'a [u32],
    pub(crate) degree: usize,
    /// Where walks begin.
    pub(crate) entries: &'a [u32],
}

impl Field<'_> {
    pub(crate) fn codes_of(&self, node: u32) -> &[u8] {
        let stride = self.codes.len() / self.scales.len().max(1);
        &self.codes[node as usize * stride..][..stride]
    }

    /// Asks for a node's list to be near when it is needed.
    #[inline]
    fn prefetch_links(&self, node: u32) {
        let links: &[u8] = bytemuck::cast_slice(self.links);
        self.kernel.prefetch(links, node as usize * self.degree * 4, self.degree * 4);
    }

    /// Asks for a node's row, `stride` bytes of codes, to be near when it is needed.
    #[inline]
    fn prefetch_codes(&self, node: u32, stride: usize) {
        self.kernel.prefetch(self.codes, node as usize * stride, stride);
        let scales: &[u8] = bytemuck::cast_slice(self.scales);
        self.kernel.prefetch(scales, node as usize * size_of::<Scale>(), size_of::<Scale>());
    }

    pub(crate) fn links_of(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let start = node as usize * self.degree;
        self.links[start..start + self.degree].iter().copied().take_while(|&link| link != NO_LINK)
    }
}

/// A field of all nodes, and above it one of a few of them, so that a walk begins near its end.
#[derive(Clone, Copy)]
pub(crate) struct Layers<'a> {
    pub(crate) top: Field<'a>,
    /// Which node of the base each node of the top is.
    pub(crate) top_nodes: &'a [u32],
    /// Its entries are nodes that no links lead to.
    pub(crate) base: Field<'a>,
}

/// A node and its approximate cosine with the query.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) score: f32,
    node: u32,
}

impl Spot {
    pub(crate) fn node(self) -> u32 {
        self.node & !FOLLOWED
    }
}

/// The memory of a walk, kept from one to the next.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) query: CodeQuery,
    /// The node found, as a query.
    found: CodeQuery,
    /// A bit a node; as many as the largest field has, all zero between walks but for the words that were touched.
    seen: Vec<u64>,
    touched: Vec<u32>,
    pool: Vec<Spot>,
    nodes: Vec<u32>,
    dots: Vec<i32>,
    /// Codes compared in all.
    #[cfg(test)]
    compared: usize,
}

impl Walk {
    /// Finds the `width` nodes of the base nearest to `self.query`, about; best first.
    pub(crate) fn descend(&mut self, layers: &Layers<'_>, width: usize) -> &[Spot] {
        self.enter(&layers.top);
        self.nodes.clear();
        self.nodes.extend(self.pool.iter().map(|spot| layers.top_nodes[spot.node() as usize]));
        self.nodes.extend_from_slice(layers.base.entries);
        self.follow(&layers.base, width)
    }

    /// The approximate cosine of one node with `self.query`, as walks would have it.
    pub(super) fn score_of(&mut self, field: &Field<'_>, node: u32) -> f32 {
        field.kernel.code_dots(&self.query, field.codes, &[node], &mut self.dots);
        self.query.cosine(self.dots[0], field.scales[node as usize])
    }

    /// Finds where to begin: the nodes of the upper layer nearest to `self.query`, about; best first.
    ///
    /// Where nodes lie in clusters that have nothing to do with each other, none of them says which cluster is nearer. A
    /// walk may end in a wrong one, and no width below would find out again; so one that did looks wider, then wider
    /// still, and compares all of the layer if that does not help. A query from elsewhere is far from everything and
    /// always seems lost: where looking four times as wide ends at the same node, that node is the nearest.
    pub(crate) fn enter(&mut self, top: &Field<'_>) -> &[Spot] {
        let mut before = None;
        for width in WIDTHS {
            self.run(top, width);
            self.pool.truncate(STARTS);
            let best = self.pool.first().map(|spot| spot.node());
            if !self.is_lost(top) || (width == WIDEST && best == before) {
                return &self.pool;
            }
            before = best;
        }
        self.compare_all(top);
        &self.pool
    }

    fn compare_all(&mut self, field: &Field<'_>) {
        self.pool.clear();
        self.nodes.clear();
        self.nodes.extend(0..field.scales.len() as u32);
        self.weigh(field, STARTS);
    }

    /// Whether the best node found is far for what lies around it, by its second neighbour: the first may be a copy.
    fn is_lost(&mut self, field: &Field<'_>) -> bool {
        let Some(&best) = self.pool.first() else { return false };
        self.found.set_codes(field.codes_of(best.node()), field.scales[best.node() as usize]);
        self.nodes.clear();
        self.nodes.extend(field.links_of(best.node()));
        field.kernel.code_dots(&self.found, field.codes, &self.nodes, &mut self.dots);
        let (mut first, mut second) = (-1.0f32, -1.0f32);
        for (&node, &dot) in self.nodes.iter().zip(&self.dots) {
            let score = self.found.cosine(dot, field.scales[node as usize]);
            second = second.max(first.min(score));
            first = first.max(score);
        }
        1.0 - best.score > LOST * (1.0 - second)
    }

    /// Finds the `width` nodes of one field nearest to `self.query`, about; best first.
    pub(crate) fn run(&mut self, field: &Field<'_>, width: usize) -> &[Spot] {
        self.nodes.clear();
        self.nodes.extend_from_slice(field.entries);
        self.follow(field, width)
    }

    /// Walks on from the collected nodes.
    fn follow(&mut self, field: &Field<'_>, width: usize) -> &[Spot] {
        self.touched.drain(..).for_each(|word| self.seen[word as usize] = 0);
        self.seen.resize(self.seen.len().max(field.scales.len() / 64 + 1), 0);
        self.pool.clear();
        // Whoever is weighed twice would be found twice.
        let Self { nodes, seen, touched, .. } = self;
        nodes.retain(|&node| is_new(node, seen, touched));
        self.weigh(field, width);
        let mut next = 0;
        while next < self.pool.len() {
            let spot = self.pool[next];
            if spot.node & FOLLOWED != 0 {
                next += 1;
                continue;
            }
            self.pool[next].node |= FOLLOWED;
            // Mostly nothing better turns up, and this one's turn comes next.
            if let Some(spot) = self.pool[next..].iter().find(|spot| spot.node & FOLLOWED == 0) {
                field.prefetch_links(spot.node());
            }
            self.gather(field, spot.node);
            next = self.weigh(field, width).min(next + 1);
            if let Some(spot) = self.pool.get(next) {
                field.prefetch_links(spot.node());
            }
        }
        &self.pool
    }

    /// Collects the links of a node that no walk has come upon yet.
    #[inline]
    fn gather(&mut self, field: &Field<'_>, node: u32) {
        self.nodes.clear();
        let stride = self.query.codes().len();
        for link in field.links_of(node) {
            if is_new(link, &mut self.seen, &mut self.touched) {
                field.prefetch_codes(link, stride);
                self.nodes.push(link);
            }
        }
    }

    /// Compares the collected nodes and keeps the best `width`; returns the best place that changed.
    #[inline]
    fn weigh(&mut self, field: &Field<'_>, width: usize) -> usize {
        field.kernel.code_dots(&self.query, field.codes, &self.nodes, &mut self.dots);
        #[cfg(test)]
        {
            self.compared += self.nodes.len();
        }
        let mut best = usize::MAX;
        for (&node, &dot) in self.nodes.iter().zip(&self.dots) {
            let score = self.query.cosine(dot, field.scales[node as usize]);
            if self.pool.len() >= width {
                if self.pool.last().is_none_or(|worst| score <= worst.score) {
                    continue;
                }
                self.pool.pop();
            }
            let place = self.pool.partition_point(|spot| spot.score >= score);
            self.pool.insert(place, Spot { score, node });
            best = best.min(place);
        }
        best
    }
}

/// Whether a walk comes upon a node for the first time; it is known from now on.
#[inline]
fn is_new(node: u32, seen: &mut [u64], touched: &mut Vec<u32>) -> bool {
    let (word, bit) = (&mut seen[node as usize / 64], 1 << (node % 64));
    if *word & bit != 0 {
        return false;
    }
    if *word == 0 {
        touched.push(node / 64);
    }
    *word |= bit;
    true
}

#[cfg(test)]
mod tests;
