import json

import pytest

from bench.plan.comparisons import Axes, expand
from bench.plan.shape_files import ShapeFileError, read_shapes


def write(folder, text, name="shapes.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_gives_named_shapes_and_defaults_for_missing_columns(tmp_path):
    path = write(
        tmp_path, "name,batch,kernel_size,strides,use_bias,activation\nstem, 4, 3x5, 2, no, relu\n,,,,,\n"
    )
    (shape,) = read_shapes(path)
    assert shape.name == "stem"
    assert shape.fields == {
        "batch": 4, "kernel_size": (3, 5), "strides": (2, 2), "use_bias": False, "activation": "relu",
    }  # fmt: skip


def test_json_gives_the_same_shapes_as_csv(tmp_path):
    from_csv = read_shapes(write(tmp_path, "name,height,width,kernel_size,padding\na,20,30,3x5,valid\n"))
    rows = [{"name": "a", "height": 20, "width": 30, "kernel_size": [3, 5], "padding": "valid"}]
    assert read_shapes(write(tmp_path, json.dumps(rows), "shapes.json")) == from_csv


def test_a_shape_may_choose_the_pair_and_pin_direction_mode_and_dtype(tmp_path):
    text = "layer,height,width,kernel_size,direction,mode,dtype\nconv1d,1,99,1x5,train,xla,float64\n"
    (shape,) = read_shapes(write(tmp_path, text))
    (comparison,) = expand([shape], Axes(("CPU:0",)))
    assert [case.id for case in comparison.cases] == [
        "conv1d-train-8x99x64-f64-k5-1d-float64-xla",
        "separable_conv1d-train-8x99x64-f64-k5-1d-float64-xla",
    ]


def test_a_layer_of_one_dimension_may_be_causal(tmp_path):
    text = "layer,width,dilation_rate,padding\nconv1d,99,4,causal\n"
    (shape,) = read_shapes(write(tmp_path, text))
    (comparison,) = expand([shape], Axes(("CPU:0",), directions=("train",)))
    assert comparison.id == "train-8x99x64-f64-k3-1d-causal-d4"


def test_a_spreadsheets_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    assert read_shapes(write(tmp_path, "\ufeffname,batch\na,2\n"))[0].name == "a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no shapes"),
        ("name\n", "holds no shapes"),
        ("name,colour\na,red\n", r"line 1, column 2: there is no column 'colour'; there are: name, "),
        ("batch,batch\n1,2\n", "line 1, column 2: 'batch' appears twice"),
        ("name,batch\na,1\nb,many\n", "line 3, column 'batch': must be a whole number, not 'many'"),
        ("layer,kernel_size\npointwise_conv2d,1\n", "line 2: pointwise_conv2d is a part"),
        ("name,batch\na\n", "line 2: 1 values for 2 columns"),
        ("kernel_size\n3x3x3\n", "line 2, column 'kernel_size': must be one number or two"),
        ("use_bias\nperhaps\n", "line 2, column 'use_bias': must be true or false"),
        ("height,kernel_size,padding\n3,5,valid\n", "line 2: with padding 'valid' a kernel that spans 5"),
        ("padding\ncausal\n", "line 2: padding 'causal' is for 1-D layers, not for a conv2d"),
        ('name\n"a\n', "line 2: "),
    ],
)
def test_a_malformed_csv_is_refused_with_line_and_column(tmp_path, text, words):
    with pytest.raises(ShapeFileError, match=words) as error:
        read_shapes(write(tmp_path, text))
    assert "shapes.csv" in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[{]", "line 1, column 3: "),
        ("{}", "must be a list"),
        ("[3]", "shape 1 must be an object"),
        ('[{"colour": 1}]', "shape 1: there is no column 'colour'"),
        ('[{"batch": 1.5}]', "shape 1, column 'batch': must be a whole number, not 1.5"),
        ('[{"padding": "half"}]', "shape 1: padding must be one of same, valid"),
    ],
)
def test_a_malformed_json_is_refused_with_its_place(tmp_path, text, words):
    with pytest.raises(ShapeFileError, match=words):
        read_shapes(write(tmp_path, text, "shapes.json"))


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(ShapeFileError, match="cannot read the shapes file"):
        read_shapes(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ShapeFileError, match="is not text"):
        read_shapes(tmp_path / "binary.csv")
