// The messages, loaded from the .proto files of this package: copies of Stead's, compared by a test.
'use strict';
const path = require('node:path');
const { loadSync } = require('@grpc/proto-loader');

const loaded = loadSync(['function_service.proto', 'error_details.proto'], {
  includeDirs: [path.join(__dirname, '..', 'proto')],
  keepCase: true,
  longs: String,
  oneofs: true,
  bytes: Buffer,
});

module.exports = {
  methods: loaded['function.v1.FunctionService'],
  details: {
    Status: loaded['google.rpc.Status'].deserialize,
    ErrorInfo: loaded['google.rpc.ErrorInfo'].deserialize,
    RetryInfo: loaded['google.rpc.RetryInfo'].deserialize,
    BadRequest: loaded['google.rpc.BadRequest'].deserialize,
  },
};
