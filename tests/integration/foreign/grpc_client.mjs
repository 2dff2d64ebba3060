// Clients of grpc-js, made from Stead's own proto texts at run time as proto-loader does it.
import path from 'node:path';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const FOLDER = path.join(process.env.STEAD_ROOT, 'proto');
const OPTIONS = { keepCase: true, longs: String, enums: String, defaults: false, oneofs: true, includeDirs: [FOLDER] };
const FILES = ['function_service.proto', 'function_admin.proto', 'health.proto', 'error_details.proto'];
const definition = loader.loadSync(FILES, OPTIONS);
const messages = { Status: definition['google.rpc.Status'], ErrorInfo: definition['google.rpc.ErrorInfo'] };

export { grpc };
export const packages = grpc.loadPackageDefinition(definition);
export const credentials = grpc.credentials.createInsecure();
let events = 0;

export const connect = (address, options = {}) =>
  new packages.function.v1.FunctionService(address, credentials, options);

// A text is text, bytes are bytes, anything else is JSON.
export function eventOf(data, attributes = {}) {
  const { id = `js-${process.pid}-${++events}`, source = '/grpc-js', type = 'test.v1', ...others } = attributes;
  const event = { id, source, spec_version: '1.0', type, attributes: {} };
  if (Buffer.isBuffer(data)) {
    event.binary_data = data;
  } else if (typeof data === 'string') {
    event.text_data = data;
  } else if (data !== undefined) {
    event.text_data = JSON.stringify(data);
    others.datacontenttype ??= 'application/json';
  }
  for (const [name, value] of Object.entries(others)) event.attributes[name] = { ce_string: value };
  return event;
}

// A unary call: { response } or { error }, with the metadata that came back; `call` is there before it ends.
export function ask(client, method, request, { metadata = new grpc.Metadata(), seconds = 30, begun } = {}) {
  return new Promise((resolve) => {
    const answer = {};
    const options = { deadline: Date.now() + seconds * 1000 };
    const call = client[method](request, metadata, options, (error, response) => {
      Object.assign(answer, { error, response });
    });
    call.on('metadata', (initial) => { answer.initial = initial; });
    call.on('status', (status) => setImmediate(() => resolve({ ...answer, trailing: status.metadata })));
    begun?.(call);
  });
}

// google.rpc.Status and what is packed in it, of a call that ended with an error.
export function detailsOf(error) {
  const [packed] = error.metadata.get('grpc-status-details-bin');
  const status = messages.Status.deserialize(packed);
  const info = status.details.find(({ type_url }) => type_url === 'type.googleapis.com/google.rpc.ErrorInfo');
  return { code: status.code, types: status.details.map(({ type_url }) => type_url.split('/').pop()),
    ...messages.ErrorInfo.deserialize(info.value) };
}

// A definition that a user wrote before there was Stead: no package, and only the fields that they knew.
export function withoutPackage(file) {
  return grpc.loadPackageDefinition(loader.loadSync(file, { ...OPTIONS, includeDirs: [path.dirname(file)] }));
}
