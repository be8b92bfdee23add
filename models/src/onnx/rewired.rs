//! For tests: a file written here, rewired as other programs would have written the same network.

use prost::Message;

use super::format::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, DimensionValue, ModelProto, NodeProto, TensorProto,
};
use super::{nodes, value_info};

const INT64: i32 = 7;
const THEIR_INPUT: &str = "pixels:0";

/// Takes N×H×W×3 of blue, green, red as `pixels:0`, so many at once if given; all other names stay.
pub(crate) fn nhwc_bgr(bytes: &[u8], side: i64, batch: Option<i64>) -> Vec<u8> {
    rewired(bytes, |graph| {
        let transposed = NodeProto {
            input: vec![THEIR_INPUT.into()],
            output: vec!["planes".into()],
            name: "planes".into(),
            op_type: "Transpose".into(),
            attribute: vec![AttributeProto {
                name: "perm".into(),
                ints: vec![0, 3, 1, 2],
                r#type: ATTRIBUTE_INTS,
                ..Default::default()
            }],
        };
        let reversed = NodeProto {
            input: vec!["planes".into(), "reverse".into()],
            output: vec![nodes::INPUT.into()],
            name: "reversed".into(),
            op_type: "Gather".into(),
            attribute: vec![AttributeProto {
                name: "axis".into(),
                i: 1,
                r#type: ATTRIBUTE_INT,
                ..Default::default()
            }],
        };
        graph.node.splice(0..0, [transposed, reversed]);
        graph.initializer.push(TensorProto {
            name: "reverse".into(),
            dims: vec![3],
            data_type: INT64,
            raw_data: [2_i64, 1, 0].iter().flat_map(|n| n.to_le_bytes()).collect(),
        });
        let fixed = DimensionValue::Value;
        let first = batch.map_or(DimensionValue::Param("batch".into()), fixed);
        graph.input = vec![value_info(THEIR_INPUT, Some(vec![first, fixed(side), fixed(side), fixed(3)]))];
    })
}

/// Puts out the map before its mean over pixels, as second output, which is given this name.
pub(crate) fn with_map(bytes: &[u8], name: &str) -> Vec<u8> {
    rewired(bytes, |graph| {
        let pool = graph.node.iter().find(|node| node.op_type == "GlobalAveragePool").expect("a pool");
        let map = pool.input[0].clone();
        graph.node.push(NodeProto {
            input: vec![map],
            output: vec![name.into()],
            name: "map".into(),
            op_type: "Identity".into(),
            attribute: vec![],
        });
        let open = |axis: &str| DimensionValue::Param(axis.into());
        graph
            .output
            .push(value_info(name, Some(["batch", "channels", "rows", "columns"].map(open).to_vec())));
    })
}

fn rewired(bytes: &[u8], change: impl FnOnce(&mut super::GraphProto)) -> Vec<u8> {
    let mut model = ModelProto::decode(bytes).expect("a file written here");
    model.metadata_props.clear();
    change(model.graph.as_mut().expect("a graph"));
    model.encode_to_vec()
}
