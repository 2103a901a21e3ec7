import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Runtime } from './runtime'
import { BotpressCloud, Server } from './servers'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const AGENT = { userId: 'user_rui', name: 'Rui', pictureUrl: 'https://x.example/rui.png' }
let cloud: BotpressCloud
let runtime: Runtime
let sequence: number

beforeEach(async () => {
  cloud = await new BotpressCloud().start()
  const found = { bridgeUrl: 'http://127.0.0.1:9', apiKey: 'key', callbackSecret: SECRET, failedText: 'Nobody is there.' }
  runtime = new Runtime(cloud, found)
  sequence = 0
  cloud.rows.conversations!.push({ id: 'c1', channel: 'hitl', createdAt: new Date().toISOString(), tags: { readyAt: '1' } })
})
afterEach(() => cloud.stop())

function event(type: string, data: object = {}, number = ++sequence) {
  const about = { conversationId: 'conv_1', botConversationId: 'c1' }
  return { id: `evt_${number}`, type, timestamp: '', sequence: number, data: { ...about, ...data } }
}

function signed(body: string, secret = SECRET, at = new Date()) {
  const seconds = String(Math.floor(at.getTime() / 1000))
  return { 'Webhook-Id': 'evt', 'webhook-timestamp': seconds, 'webhook-signature': new Webhook(secret).sign('evt', at, body) }
}

async function tell(found: object) {
  const body = JSON.stringify(found)
  return await runtime.webhook(body, signed(body))
}

const message = (text: string, id: string) => event('messageCreated', { messageId: id, agent: AGENT, type: 'text', payload: { text } })

test('an agent joins, speaks and leaves', async () => {
  for (const told of [event('hitlQueued'), event('hitlAssigned', { agent: AGENT }), message('Olá ✓', 'm1'), event('hitlStopped', { reason: 'agentClosed' })]) {
    assert.equal((await tell(told)).status, 200)
  }
  const [agent] = cloud.rows.users!
  assert.deepEqual([agent?.name, agent?.pictureUrl, agent?.tags], ['Rui', AGENT.pictureUrl, { id: 'user_rui' }])
  assert.deepEqual(
    cloud.rows.events!.map(({ type, payload }) => [type, payload]),
    [
      ['hitlAssigned', { conversationId: 'c1', userId: agent?.id }],
      ['hitlStopped', { conversationId: 'c1' }],
    ]
  )
  assert.deepEqual(cloud.rows.messages!.map(({ userId, payload }) => [userId, payload]), [[agent?.id, { text: 'Olá ✓' }]])
  assert.equal(cloud.row('conversations', 'c1')?.tags.ended, 'agentClosed')
})

test('an event that comes again does nothing, even if its tag was never written', async () => {
  const told = message('Hello', 'm1')
  await tell(event('hitlAssigned', { agent: AGENT }, 1))
  await tell(event('hitlAssigned', { agent: AGENT }, 1))
  sequence = 1
  await tell(told)
  delete cloud.row('conversations', 'c1')!.tags.seen
  await tell(told)
  assert.deepEqual([cloud.rows.events!.length, cloud.rows.messages!.length], [1, 1])
})

test("an agent's new name and picture replace the old ones", async () => {
  await tell(event('hitlAssigned', { agent: { userId: 'user_rui', name: 'R.' } }))
  await tell(event('hitlAssigned', { agent: AGENT }))
  assert.deepEqual(cloud.rows.users!.map(({ name, pictureUrl }) => [name, pictureUrl]), [['Rui', AGENT.pictureUrl]])
})

test('what is not signed, badly signed or old is refused', async () => {
  const body = JSON.stringify(message('Hello', 'm1'))
  const other = 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
  const headers = [{}, signed(body, other), signed(`${body} `), signed(body, SECRET, new Date(Date.now() - 600_000))]
  for (const found of headers) {
    assert.equal((await runtime.webhook(body, found)).status, 401)
  }
  assert.equal(cloud.rows.messages!.length, 0)
})

test('while the secret is changed, one good signature of two is enough', async () => {
  const body = JSON.stringify(message('Hello', 'm1'))
  const [old, now] = [signed(body, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'), signed(body)]
  const both = { ...now, 'webhook-signature': `${old['webhook-signature']} ${now['webhook-signature']}` }
  assert.equal((await runtime.webhook(body, both)).status, 200)
  assert.equal(cloud.rows.messages!.length, 1)
})

test('an event waits until startHitl has come to its end', async () => {
  delete cloud.row('conversations', 'c1')!.tags.readyAt
  const told = tell(event('hitlAssigned', { agent: AGENT }))
  await new Promise((done) => setTimeout(done, 700))
  assert.equal(cloud.rows.events!.length, 0)
  cloud.row('conversations', 'c1')!.tags.readyAt = String(Date.now())
  assert.equal((await told).status, 200)
  assert.equal(cloud.rows.events!.length, 1)
})

test('events of other conversations, unknown types and the bridge\'s own notices are taken and left', async () => {
  const strange = event('messageCreated', { botConversationId: 'not-ours', agent: AGENT, type: 'text', payload: { text: 'a' } })
  const author = { source: 'system', agent: { userId: 'system', name: 'Support' } }
  const notice = event('messageCreated', { ...author, messageId: 'm9', type: 'text', payload: { text: 'Please wait.' } })
  for (const told of [strange, notice, event('typing'), event('test', { botConversationId: undefined }), event('somethingNew')]) {
    assert.equal((await tell(told)).status, 200)
  }
  assert.deepEqual([cloud.rows.messages!.length, cloud.rows.events!.length], [0, 0])
})

test('if no ticket could be opened, the user is told and the session ends', async () => {
  await tell(event('hitlFailed', { reason: 'failed', detail: 'The inbox is gone.' }))
  assert.deepEqual(cloud.rows.messages!.map(({ payload }) => payload), [{ text: 'Nobody is there.' }])
  assert.deepEqual(cloud.rows.events!.map(({ type }) => type), ['hitlStopped'])
})

test('a session that an agent takes up again is ended, for Botpress would drop every word of it', async () => {
  const bridge = await new Server(() => ({ status: 200, body: {} })).start()
  const own = { bridgeUrl: bridge.url, apiKey: 'key', callbackSecret: SECRET }
  const body = JSON.stringify(event('hitlAssigned', { conversationId: 'conv_2', reopenedFrom: 'conv_1', agent: AGENT }))
  assert.equal((await new Runtime(cloud, own).webhook(body, signed(body))).status, 200)
  bridge.stop()
  assert.deepEqual(bridge.calls.map((call) => [call.path, call.body]), [['/api/v1/actions/stopHitl', { conversationId: 'conv_2' }]])
  assert.equal(cloud.rows.events!.length, 0)
})

test('while Botpress fails, the bridge is told to come again', async () => {
  delete cloud.rows.users
  const { status } = await tell(message('Hello', 'm1'))
  assert.ok(status >= 400, `${status}`)
  assert.equal(cloud.row('conversations', 'c1')?.tags.seen, undefined)
})
