//! The rows of the catalog. Sizes are the official ones; validation shares follow the sizes in BYOL's Table 10, which
//! used SimCLR's protocol.

use super::{
    aircraft, birdsnap, caltech101, cars, cifar, dtd, flowers, folder, food101, imagenet, pets, stl10,
    sun397, voc2007,
};
use crate::Metric::{Map11, MeanPerClass, Top1};
use crate::{Entry, Sizes};

const fn sizes(train: usize, validation: usize, test: usize) -> Option<Sizes> {
    const fn some(size: usize) -> Option<usize> {
        if size == 0 { None } else { Some(size) }
    }
    Some(Sizes { train, validation: some(validation), test: some(test) })
}

/// What rows have unless they say otherwise.
const ROW: Entry = Entry {
    name: "",
    title: "",
    classes: None,
    sizes: None,
    metric: Top1,
    validation_share: 0.1,
    validation_pin: None,
    layout: "",
    archive: "the pictures",
    folders: &[],
    signs: &[],
    read: folder::read,
};

/// Every dataset there is, in the order reports have: the paper's twelve, then others.
#[rustfmt::skip]
pub const CATALOG: &[Entry] = &[
    Entry {
        name: "food101", title: "Food-101", classes: Some(101), sizes: sizes(75_750, 0, 25_250),
        validation_pin: Some("63205877fcfe38ed0fcb553e3e6db08f9ffd4e16754ecc21b84b5f2e661b587f"),
        layout: "food-101/{meta/train.txt,meta/test.txt,images/<class>/<number>.jpg}",
        archive: "food-101.tar.gz (md5 85eeb15f3717b99a5da872d97d918f87)",
        folders: &["food-101"], signs: &["meta/train.txt", "meta/test.txt"], read: food101::read, ..ROW
    },
    Entry {
        name: "cifar10", title: "CIFAR-10", classes: Some(10), sizes: sizes(50_000, 0, 10_000),
        layout: "cifar-10-batches-bin/{data_batch_1..5.bin,test_batch.bin} or cifar-10-batches-py/{data_batch_1..5,test_batch}",
        archive: "cifar-10-binary.tar.gz (md5 c32a1d4ab5d03f1284b67883e8d87530) or cifar-10-python.tar.gz (md5 c58f30108f718f92721af3b95e74349a)",
        folders: &["cifar-10-batches-bin", "cifar-10-batches-py"],
        signs: &["data_batch_1.bin", "data_batch_1", "test_batch.bin", "test_batch", "batches.meta.txt"],
        read: cifar::read_10, ..ROW
    },
    Entry {
        name: "cifar100", title: "CIFAR-100", classes: Some(100), sizes: sizes(50_000, 0, 10_000),
        layout: "cifar-100-binary/{train.bin,test.bin,fine_label_names.txt} or cifar-100-python/{train,test,meta}",
        archive: "cifar-100-binary.tar.gz (md5 03b5dce01913d631647c71ecec9e9cb8) or cifar-100-python.tar.gz (md5 eb9058c3a382ffc7106e4002c42a8d85)",
        folders: &["cifar-100-binary", "cifar-100-python"], signs: &["fine_label_names.txt", "train.bin", "meta"],
        read: cifar::read_100, ..ROW
    },
    Entry {
        name: "birdsnap", title: "Birdsnap", classes: Some(500), sizes: sizes(47_386, 0, 2_443),
        validation_pin: Some("5e91f133a3e7b4e47b5c580dd19164042d69e772d3fa2f01080bff50329a2ba0"),
        layout: "{species.txt,images.txt,test_images.txt,images/<Species>/<number>.jpg}",
        archive: "birdsnap.tgz (md5 1788158175f6ae794aebf27bcd7a3f5d), whose get_birdsnap.py fetches the pictures that still exist",
        folders: &["birdsnap"], signs: &["species.txt", "test_images.txt"], read: birdsnap::read, ..ROW
    },
    Entry {
        name: "sun397", title: "SUN397, partition 1", classes: Some(397), sizes: sizes(19_850, 0, 19_850),
        validation_share: 0.2,
        layout: "{SUN397/<letter>/<class>/<picture>,ClassName.txt,Training_01.txt,Testing_01.txt}; lists also in Partitions/",
        archive: "SUN397.tar.gz (md5 8ca2778205c41d23104230ba66911c7a) and Partitions.zip",
        folders: &[], signs: &["SUN397/a/", "a/abbey/", "Training_01.txt", "Partitions/Training_01.txt"],
        read: sun397::read, ..ROW
    },
    Entry {
        name: "cars", title: "Stanford Cars", classes: Some(196), sizes: sizes(8_144, 0, 8_041), validation_share: 0.2,
        validation_pin: Some("a83d2b4440753b549b9ce8a554b97b9c0c05dd688f64da89da9d5c057934f78e"),
        layout: "{devkit/cars_meta.mat,devkit/cars_train_annos.mat,cars_test_annos_withlabels.mat,cars_train/,cars_test/}",
        archive: "car_devkit.tgz, cars_train.tgz, cars_test.tgz and cars_test_annos_withlabels.mat",
        folders: &["stanford_cars", "cars"], signs: &["devkit/cars_meta.mat", "devkit/cars_train_annos.mat"],
        read: cars::read, ..ROW
    },
    Entry {
        name: "aircraft", title: "FGVC Aircraft, variants", classes: Some(100), sizes: sizes(3_334, 3_333, 3_333),
        metric: MeanPerClass,
        layout: "fgvc-aircraft-2013b/data/{variants.txt,images_variant_{train,val,test}.txt,images/<number>.jpg}",
        archive: "fgvc-aircraft-2013b.tar.gz",
        folders: &["fgvc-aircraft-2013b"], signs: &["data/variants.txt", "data/images_variant_train.txt"],
        read: aircraft::read, ..ROW
    },
    Entry {
        name: "voc2007", title: "PASCAL VOC2007", classes: Some(20), sizes: sizes(2_501, 2_510, 4_952), metric: Map11,
        layout: "VOCdevkit/VOC2007/{ImageSets/Main/<class>_{train,val,test}.txt,JPEGImages/,Annotations/}",
        archive: "VOCtrainval_06-Nov-2007.tar (md5 c52e279531787c972589f7e41ab4ae64) and VOCtest_06-Nov-2007.tar (md5 b6e924de25625d8de591ea690078ad9f)",
        folders: &["VOCdevkit/VOC2007", "VOC2007"],
        signs: &["ImageSets/Main/aeroplane_train.txt", "ImageSets/Main/aeroplane_test.txt"], read: voc2007::read, ..ROW
    },
    Entry {
        name: "dtd", title: "DTD, split 1", classes: Some(47), sizes: sizes(1_880, 1_880, 1_880),
        layout: "dtd/{labels/{train,val,test}1.txt,images/<class>/<picture>}",
        archive: "dtd-r1.0.1.tar.gz (md5 fff73e5086ae6bdbea199a49dfb8a4c1)",
        folders: &["dtd"], signs: &["labels/train1.txt", "images/banded/", "images/zigzagged/"], read: dtd::read, ..ROW
    },
    Entry {
        name: "pets", title: "Oxford-IIIT Pets", classes: Some(37), sizes: sizes(3_680, 0, 3_669), metric: MeanPerClass,
        validation_share: 0.2,
        layout: "{annotations/{trainval,test}.txt,images/<Breed>_<number>.jpg}",
        archive: "images.tar.gz (md5 5c4f3ee8e5d25df40f4fd59a7f44e54c) and annotations.tar.gz (md5 95a8c909bbe2e81eed6a22bccdf3f68f)",
        folders: &["oxford-iiit-pet"], signs: &["annotations/trainval.txt", "annotations/test.txt"], read: pets::read, ..ROW
    },
    Entry {
        name: "caltech101", title: "Caltech-101", classes: Some(102), sizes: sizes(3_060, 0, 6_084),
        metric: MeanPerClass, validation_share: 1.0 / 6.0,
        validation_pin: Some("369aaf028dd3a332b0789df1da5154cce1b2ab7caafa87d740c6077b28330fe4"),
        layout: "101_ObjectCategories/<class>/image_0001.jpg, 102 classes with BACKGROUND_Google",
        archive: "101_ObjectCategories.tar.gz (md5 b224c7392d521a49829488ab0f1120d9)",
        folders: &["101_ObjectCategories", "caltech-101/101_ObjectCategories"],
        signs: &["BACKGROUND_Google/", "accordion/", "yin_yang/"], read: caltech101::read
    },
    Entry {
        name: "flowers", title: "Oxford 102 Flowers", classes: Some(102), sizes: sizes(1_020, 1_020, 6_149),
        metric: MeanPerClass,
        layout: "{imagelabels.mat,setid.mat,jpg/image_00001.jpg…}",
        archive: "102flowers.tgz (md5 52808999861908f626f3c1f4e79d11fa), imagelabels.mat (md5 e0620be6f572b9609742df49c70aed4d) and setid.mat (md5 a5357ecc9cb78c4bef273ce3793fc85c)",
        folders: &["flowers-102"], signs: &["imagelabels.mat", "setid.mat"], read: flowers::read, ..ROW
    },
    Entry {
        name: "imagenet", title: "ImageNet, ILSVRC 2012", classes: Some(1_000), sizes: sizes(1_281_167, 50_000, 0),
        layout: "{train,val}/<synset>/<picture>.JPEG",
        archive: "ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar",
        folders: &["ILSVRC/Data/CLS-LOC"], signs: &["train/n01440764/", "val/n01440764/", "LOC_synset_mapping.txt"],
        read: imagenet::read, ..ROW
    },
    Entry {
        name: "tiny-imagenet", title: "Tiny-ImageNet", classes: Some(200), sizes: sizes(100_000, 10_000, 0),
        layout: "tiny-imagenet-200/{wnids.txt,train/<synset>/images/,val/images/,val/val_annotations.txt}",
        archive: "tiny-imagenet-200.zip",
        folders: &["tiny-imagenet-200"], signs: &["wnids.txt"], read: imagenet::read_tiny, ..ROW
    },
    Entry {
        name: "stl10", title: "STL-10", classes: Some(10), sizes: sizes(5_000, 0, 8_000),
        layout: "stl10_binary/{train_X.bin,train_y.bin,test_X.bin,test_y.bin}",
        archive: "stl10_binary.tar.gz",
        folders: &["stl10_binary"], signs: &["train_X.bin", "test_X.bin"], read: stl10::read, ..ROW
    },
    Entry {
        name: "folder", title: "Folder per class",
        layout: "<class>/<picture>, or {train,validation,test}/<class>/<picture> (val and valid are validation)", ..ROW
    },
];
