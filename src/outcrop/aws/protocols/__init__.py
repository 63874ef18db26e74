"""AWS's wire protocols, each a class compiled from a botocore service model.

A protocol turns an operation model into closures once: `compile_parser` (HTTP request to parameters) and
`compile_serializer` (result to HTTP response). No model is walked while a request is served.

Modules: `rest_json`, `rest_xml`, `query`, `json_rpc` (1.0 and 1.1) and `rpc_v2_cbor` are the protocols;
`http_binding` places members in paths, queries and headers for both REST protocols; `event_stream` frames
streamed events; `json_shapes`, `xml_shapes`, `cbor_shapes` and `timestamps` convert values.
"""
