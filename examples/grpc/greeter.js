// What protoc would make of:
//   package example;
//   service Greeter { rpc Greet (Name) returns (stream Greeting); }
// JSON stands for protobuf here, which the gateway does not look into.

function serialize (message) {
  return Buffer.from(JSON.stringify(message))
}

function deserialize (bytes) {
  return JSON.parse(bytes.toString())
}

export const greeter = {
  greet: {
    path: '/example.Greeter/Greet',
    requestStream: false,
    responseStream: true,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize
  }
}
