import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Bridge, BridgeError } from '../src/bridge'
import { Server, type Reply } from './servers'

const ok: Reply = { status: 202, body: { messageId: 'msg_1' } }

async function bridge(t: TestContext, replies: Reply[], path = '') {
  const server = await new Server(() => replies.shift() ?? ok).start()
  t.after(() => server.stop())
  const waits: number[] = []
  const client = new Bridge({ bridgeUrl: server.url + path, apiKey: 'key' }, async (ms) => void waits.push(ms))
  return { server, client, waits }
}

for (const path of ['', '/', '/api/v1', '/api/v1/']) {
  test(`the address may end with "${path}"`, async (t) => {
    const { server, client } = await bridge(t, [], path)
    await client.post('/actions/x', { a: 1 }, 'k1')
    assert.equal(server.calls[0]?.path, '/api/v1/actions/x')
    assert.equal(server.calls[0]?.headers.authorization, 'Bearer key')
  })
}

test('what failed for now is repeated with the same key, after the wait that the bridge asks for', async (t) => {
  const busy = { status: 429, body: { detail: 'Slow down.' }, headers: { 'retry-after': '1' } }
  const { server, client, waits } = await bridge(t, [busy, { status: 503, body: { detail: 'Away.' } }])
  assert.deepEqual(await client.post('/m', { a: 1 }, 'k1'), ok.body)
  assert.deepEqual(server.calls.map(({ headers }) => headers['idempotency-key']), ['k1', 'k1', 'k1'])
  assert.deepEqual(waits, [1000, 1000])
})

test('a refusal is not repeated and says which field', async (t) => {
  const { server, client } = await bridge(t, [{ status: 400, body: { detail: 'title: too long', field: 'title' } }])
  await assert.rejects(client.post('/m', {}, 'k1'), (error) => error instanceof BridgeError && error.problem.field === 'title')
  assert.equal(server.calls.length, 1)
})

test('no answer, a redirect and a page are told apart from the bridge', async (t) => {
  const { server, client } = await bridge(t, [{ status: 302, body: {}, headers: { location: '/login' } }, { status: 200, body: 'hi' }])
  await assert.rejects(client.get('/x'), /status 302\) is not the bridge/)
  await assert.rejects(client.get('/x'), /status 200\) is not the bridge/)
  server.stop()
  await assert.rejects(client.get('/x'), /does not answer/)
  assert.throws(() => new Bridge({ bridgeUrl: 'bridge.example.com', apiKey: '' }), /must look like/)
})
