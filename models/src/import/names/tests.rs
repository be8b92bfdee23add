//! Names as they are in real files.

use super::*;

fn found(names: &[&str], wanted: Option<&str>) -> Result<Place, ImportError> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    find(names.iter(), wanted)
}

#[test]
fn an_encoder_is_found_under_any_prefix() {
    for (name, prefix, naming) in [
        ("layer1.0.conv1.weight", "", Naming::Torchvision),
        (
            "state_dict.module.encoder.layer1.0.conv1.weight",
            "state_dict.module.encoder.",
            Naming::Torchvision,
        ),
        ("4.0.conv1.weight", "", Naming::Sequential),
        ("backbone.4.0.conv1.weight", "backbone.", Naming::Sequential),
        ("resnet.net.1.blocks.0.net.2.weight", "resnet.", Naming::Simclrv2),
        ("resnet.net.1.blocks.0.net.2.main_conv.0.weight", "resnet.", Naming::Simclrv2Selective),
    ] {
        assert_eq!(found(&[name], None).unwrap(), Place { prefix: prefix.into(), naming }, "{name}");
    }
    let refused = found(&["layer4.0.conv1.weight", "mylayer1.0.conv1.weight"], None).unwrap_err().to_string();
    assert!(refused.contains("among 2") && refused.contains("`mylayer1.0.conv1.weight`"), "{refused}");
}

#[test]
fn of_several_encoders_one_must_be_chosen() {
    let names = ["module.encoder_k.layer1.0.conv1.weight", "module.encoder_q.layer1.0.conv1.weight"];
    let refused = found(&names, None).unwrap_err().to_string();
    assert!(refused.contains("`module.encoder_k.`, `module.encoder_q.`"), "{refused}");
    for wanted in ["module.encoder_q", "module.encoder_q."] {
        assert_eq!(found(&names, Some(wanted)).unwrap().prefix, "module.encoder_q.");
    }
    assert!(found(&names, Some("")).unwrap_err().to_string().contains("beginning with ``"));
}

#[test]
fn names_become_the_descriptions() {
    for (naming, theirs, ours) in [
        (Naming::Torchvision, "bn1.bias", "bn1.bias"),
        (Naming::Torchvision, "layer2.0.shortcut.1.bias", "layer2.0.downsample.1.bias"),
        (Naming::Sequential, "0.weight", "conv1.weight"),
        (Naming::Sequential, "1.running_var", "bn1.running_var"),
        (Naming::Sequential, "7.1.bn2.bias", "layer4.1.bn2.bias"),
        (Naming::Sequential, "8.weight", "8.weight"),
        (Naming::Simclrv2, "net.0.0.weight", "conv1.weight"),
        (Naming::Simclrv2, "net.0.1.0.running_mean", "bn1.running_mean"),
        (Naming::Simclrv2, "net.3.blocks.5.net.0.weight", "layer3.5.conv1.weight"),
        (Naming::Simclrv2, "net.3.blocks.5.net.3.0.bias", "layer3.5.bn2.bias"),
        (Naming::Simclrv2, "net.3.blocks.5.net.4.weight", "layer3.5.conv3.weight"),
        (Naming::Simclrv2, "net.4.blocks.0.projection.shortcut.weight", "layer4.0.downsample.0.weight"),
        (Naming::Simclrv2, "net.4.blocks.0.projection.bn.0.weight", "layer4.0.downsample.1.weight"),
        (Naming::Simclrv2, "fc.weight", "fc.weight"),
        (Naming::Simclrv2Selective, "net.0.2.weight", "conv1.3.weight"),
        (Naming::Simclrv2Selective, "net.0.5.0.bias", "bn1.bias"),
        (Naming::Simclrv2Selective, "net.2.blocks.1.net.2.mixing_conv.1.0.bias", "layer2.1.mixing.1.bias"),
        (Naming::Simclrv2Selective, "net.2.blocks.1.net.3.weight", "layer2.1.conv3.weight"),
        (
            Naming::Simclrv2Selective,
            "net.2.blocks.0.projection.shortcut.2.weight",
            "layer2.0.downsample.1.weight",
        ),
        (Naming::Simclrv2Selective, "net.2.blocks.0.projection.bn.0.bias", "layer2.0.downsample.2.bias"),
    ] {
        assert_eq!(naming.ours(theirs), ours);
    }
}

#[test]
fn heads_and_strangers_are_told_apart() {
    assert_eq!(head(Naming::Torchvision, "fc.0.weight"), Some("fc"));
    assert_eq!(head(Naming::Torchvision, "layer1.0.fc.weight"), None);
    assert_eq!(head(Naming::Torchvision, "9.weight"), None);
    assert_eq!(head(Naming::Sequential, "9.weight"), Some("9"));
    let prefix = "state_dict.module.encoder.";
    assert_eq!(group(prefix, "state_dict.module.projector.0.weight"), "state_dict.module.projector");
    assert_eq!(group(prefix, "optimizer.state.0.step"), "optimizer");
    assert_eq!(group("", "fc.weight"), "fc");
    assert_eq!(group("a.", "a"), "a");
}
