// A client without any definition on disk: grpc-js-reflection-client lists the services, loads what they speak, and the
// loaded definition calls a function.
import grpc from '@grpc/grpc-js';
import reflection from 'grpc-js-reflection-client';
import { assert, finish, test } from './tap.mjs';

const { STEAD_ADDR } = process.env;
const credentials = grpc.credentials.createInsecure();
const OPTIONS = { keepCase: true, enums: String, oneofs: true };
const METHODS = ['Cancel', 'ExecuteFunction', 'GetResult', 'SubmitFunction'];

for (const version of ['v1', 'v1alpha']) {
  const client = new reflection.GrpcReflection(STEAD_ADDR, credentials, {}, version);

  await test(`${version}: the services are listed`, async () => {
    const services = await client.listServices('*');
    for (const service of ['FunctionService', 'function.v1.FunctionService', 'function.v1.FunctionAdmin',
      'grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection']) {
      assert.ok(services.includes(service), `${service} in ${services}`);
    }
  });

  await test(`${version}: the methods are listed`, async () => {
    const methods = await client.listMethods('function.v1.FunctionService');
    assert.deepEqual(methods.map(({ name }) => name).sort(), METHODS);
  });

  await test(`${version}: a function is called`, async () => {
    const descriptor = await client.getDescriptorBySymbol('function.v1.FunctionService');
    const { FunctionService } = descriptor.getPackageObject(OPTIONS).function.v1;
    const stub = new FunctionService(STEAD_ADDR, credentials);
    const event = { id: `reflected-${version}`, source: '/reflection', spec_version: '1.0', type: 'test.v1',
      text_data: 'grüße', attributes: [{ key: 'test', value: { ce_string: 'kept' } }] }; // how this library has maps
    const response = await new Promise((resolve, reject) => {
      stub.ExecuteFunction({ name: 'echo', event }, { deadline: Date.now() + 30_000 },
        (error, answer) => (error ? reject(error) : resolve(answer)));
    });
    assert.equal(String(response.data), 'grüße');
    const echoed = response.event.attributes.find(({ key }) => key === 'echoed');
    assert.equal(echoed.value.ce_string, 'kept');
    stub.close();
  });

  await test(`${version}: a file by its name; what is not there`, async () => {
    const descriptor = await client.getDescriptorByFileName('function_admin.proto');
    assert.ok(descriptor.getPackageObject(OPTIONS).function.v1.FunctionAdmin);
    await assert.rejects(client.getDescriptorBySymbol('no.such.Symbol'));
  });
}
finish();
