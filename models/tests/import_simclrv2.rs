//! The conversions of SimCLRv2's weights, and others named unlike torchvision.

#[path = "common/checkpoint.rs"]
mod checkpoint;
mod common;

use checkpoint::{World, taken};
use common::TINY;
use simclr_models::import::Naming;
use simclr_models::{NamedTensor, ResNet, Stem};

/// Our name as the conversions of SimCLRv2 write it.
fn as_simclrv2(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("bn1.") {
        return format!("resnet.net.0.1.0.{rest}");
    }
    let Some(rest) = name.strip_prefix("layer") else { return "resnet.net.0.0.weight".into() };
    let [stage, block, part, rest] = rest.splitn(4, '.').collect::<Vec<_>>().try_into().expect("four parts");
    let place = match (part, rest.split_once('.')) {
        ("downsample", Some(("0", _))) => "projection.shortcut.weight".into(),
        ("downsample", Some((_, rest))) => format!("projection.bn.0.{rest}"),
        _ => {
            let at = part[part.len() - 1..].parse::<usize>().expect("a digit") - 1;
            if part.starts_with("conv") {
                format!("net.{}.weight", 2 * at)
            } else {
                format!("net.{}.0.{rest}", 2 * at + 1)
            }
        }
    };
    format!("resnet.net.{stage}.blocks.{block}.{place}")
}

#[test]
fn conversions_of_simclrv2_are_understood_and_so_are_others() {
    let world = World::new(ResNet::plain(50, 0.25, Stem::Imagenet));
    let path = world.file(|tensors| tensors.iter_mut().for_each(|t| t.name = as_simclrv2(&t.name)));
    let imported = taken(&path).unwrap();
    // Google's weights, so Google's padding.
    assert_eq!(imported.network, ResNet::plain(50, 0.25, Stem::Imagenet));
    assert_eq!(imported.naming, Naming::Simclrv2);
    assert_eq!(imported.weights, world.weights);

    let world = World::new(TINY);
    let path = world.file(|tensors| {
        tensors
            .iter_mut()
            .for_each(|t| t.name = format!("_feature_blocks.{}", t.name.replace("downsample", "shortcut")));
        tensors.push(NamedTensor { name: "heads.0.weight".into(), shape: vec![1], data: vec![0.0] });
    });
    let imported = taken(&path).unwrap();
    assert_eq!((imported.prefix.as_str(), &imported.weights), ("_feature_blocks.", &world.weights));
    assert_eq!(imported.dropped.get("heads"), Some(&1));
}

/// Our name as the conversions of networks with selective kernels write it.
fn as_selective(name: &str) -> String {
    let stem = [
        ("conv1.0.", "0."),
        ("conv1.1.", "1.0."),
        ("conv1.3.", "2."),
        ("conv1.4.", "3.0."),
        ("conv1.6.", "4."),
    ];
    for (ours, theirs) in stem.into_iter().chain([("bn1.", "5.0.")]) {
        if let Some(rest) = name.strip_prefix(ours) {
            return format!("net.0.{theirs}{rest}");
        }
    }
    let rest = name.strip_prefix("layer").expect("a stage");
    let [stage, block, part] = rest.splitn(3, '.').collect::<Vec<_>>().try_into().expect("three parts");
    let within = [
        ("conv1.", "net.0."),
        ("bn1.", "net.1.0."),
        ("conv2.", "net.2.main_conv.0."),
        ("bn2.", "net.2.main_conv.1.0."),
        ("mixing.0.", "net.2.mixing_conv.0."),
        ("mixing.1.", "net.2.mixing_conv.1.0."),
        ("mixing.3.", "net.2.mixing_conv.2."),
        ("conv3.", "net.3."),
        ("bn3.", "net.4.0."),
        ("downsample.1.", if stage == "1" { "projection.shortcut.1." } else { "projection.shortcut.2." }),
        ("downsample.2.", "projection.bn.0."),
    ];
    let (ours, theirs) =
        within.into_iter().find(|(ours, _)| part.starts_with(ours)).expect("a part of a block");
    format!("net.{stage}.blocks.{block}.{theirs}{}", &part[ours.len()..])
}

#[test]
fn conversions_with_selective_kernels_are_understood() {
    for depth in [50, 101] {
        let network = ResNet { selective_kernels: true, ..ResNet::plain(depth, 0.25, Stem::Imagenet) };
        let world = World::new(network);
        let path = world.file(|tensors| {
            tensors.iter_mut().for_each(|t| t.name = as_selective(&t.name));
            tensors.push(NamedTensor { name: "fc.weight".into(), shape: vec![1], data: vec![0.0] });
        });
        let imported = taken(&path).unwrap();
        assert_eq!((imported.network, imported.naming), (network, Naming::Simclrv2Selective));
        assert_eq!(imported.weights, world.weights);
        assert_eq!(imported.dropped.get("fc"), Some(&1));
        // Under our own names, too.
        let own = taken(&world.file(|_| ())).unwrap();
        assert_eq!(
            (own.network, own.naming, own.weights),
            (ResNet { stem: Stem::Torchvision, ..network }, Naming::Torchvision, world.weights)
        );
    }
    let small = ResNet { selective_kernels: true, ..ResNet::plain(50, 0.25, Stem::SmallPicture) };
    assert_eq!(taken(&World::new(small).file(|_| ())).unwrap().network, small);
}

#[test]
fn what_is_missing_of_a_network_with_selective_kernels_is_listed() {
    let world = World::new(ResNet { selective_kernels: true, ..ResNet::plain(50, 0.25, Stem::Imagenet) });
    let path = world.file(|tensors| {
        tensors.retain(|t| t.name != "layer3.4.mixing.3.weight");
        tensors.iter_mut().for_each(|t| t.name = as_selective(&t.name));
    });
    let said = taken(&path).unwrap_err().to_string();
    assert!(said.contains("ResNet-50 × 0.25 with selective kernels"), "{said}");
    assert!(said.contains("missing  layer3.4.mixing.3.weight [128, 32, 1, 1]"), "{said}");
}
