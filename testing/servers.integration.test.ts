import { existsSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { searchAttributeTypes } from '../contracts/search-attributes.js';
import { mlflowUri, temporalAddress, timeSkippingServerPath } from './servers.js';

test('integration tests find an MLflow server that answers', async () => {
  const response = await fetch(`${await mlflowUri()}/version`);
  expect(await response.text()).toMatch(/^3\./);
});

test('integration tests find a Temporal server that knows the search attributes', async () => {
  const connection = await Connection.connect({ address: temporalAddress() });
  try {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: new Client({ connection }).options.namespace,
    });
    expect(Object.keys(customAttributes ?? {})).toEqual(expect.arrayContaining(Object.keys(searchAttributeTypes)));
  } finally {
    await connection.close();
  }
});

test('the server that skips time is there', () => {
  expect(existsSync(timeSkippingServerPath())).toBe(true);
});
