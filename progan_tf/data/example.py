"""`tf.train.Example` without TensorFlow: the same message, so that whoever only writes records need not load it.

https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/{example,feature}.proto
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto


def _field(name: str, number: int, kind: int, of: str = "", repeated: bool = False, oneof: int | None = None):
    return _FIELD(
        name=name,
        number=number,
        type=kind,
        type_name=f".tensorflow.{of}" if of else None,
        label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL,
        oneof_index=oneof,
    )


def _message(name: str, *fields: descriptor_pb2.FieldDescriptorProto, **more) -> descriptor_pb2.DescriptorProto:
    return descriptor_pb2.DescriptorProto(name=name, field=fields, **more)


_FEATURE_ENTRY = _message(
    "FeatureEntry",
    _field("key", 1, _FIELD.TYPE_STRING),
    _field("value", 2, _FIELD.TYPE_MESSAGE, "Feature"),
    options=descriptor_pb2.MessageOptions(map_entry=True),
)
_FILE = descriptor_pb2.FileDescriptorProto(
    name="progan_tf/example.proto",
    package="tensorflow",
    syntax="proto3",
    message_type=[
        _message("BytesList", _field("value", 1, _FIELD.TYPE_BYTES, repeated=True)),
        _message("FloatList", _field("value", 1, _FIELD.TYPE_FLOAT, repeated=True)),
        _message("Int64List", _field("value", 1, _FIELD.TYPE_INT64, repeated=True)),
        _message(
            "Feature",
            _field("bytes_list", 1, _FIELD.TYPE_MESSAGE, "BytesList", oneof=0),
            _field("float_list", 2, _FIELD.TYPE_MESSAGE, "FloatList", oneof=0),
            _field("int64_list", 3, _FIELD.TYPE_MESSAGE, "Int64List", oneof=0),
            oneof_decl=[descriptor_pb2.OneofDescriptorProto(name="kind")],
        ),
        _message(
            "Features",
            _field("feature", 1, _FIELD.TYPE_MESSAGE, "Features.FeatureEntry", repeated=True),
            nested_type=[_FEATURE_ENTRY],
        ),
        _message("Example", _field("features", 1, _FIELD.TYPE_MESSAGE, "Features")),
    ],
)
_POOL = descriptor_pool.DescriptorPool()  # of its own: TensorFlow registers the same names in the common one
_POOL.Add(_FILE)

Example = message_factory.GetMessageClass(_POOL.FindMessageTypeByName("tensorflow.Example"))
