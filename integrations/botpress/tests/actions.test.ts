import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Runtime } from './runtime'
import { BotpressCloud, Server, type Call, type Reply } from './servers'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const HISTORY = [{ source: { type: 'bot' }, type: 'text', payload: { text: 'Which order?' } }]
let cloud: BotpressCloud
let bridge: Server
let answers: { [path: string]: (call: Call) => Reply }
let runtime: Runtime

beforeEach(async () => {
  cloud = await new BotpressCloud().start()
  answers = {
    '/actions/createUser': () => ({ status: 200, body: { userId: 'user_b1' } }),
    '/actions/startHitl': () => ({ status: 200, body: { conversationId: 'conv_b1', status: 'queued' } }),
    '/actions/stopHitl': () => ({ status: 200, body: {} }),
    '/conversations/conv_b1/messages': () => ({ status: 202, body: { messageId: 'msg_b1' } }),
    '/availability': () => ({ status: 200, body: { status: 'online', installation: 'support' } }),
  }
  bridge = await new Server((call) => answers[call.path.replace('/api/v1', '')]!(call)).start()
  runtime = new Runtime(cloud, { bridgeUrl: bridge.url, apiKey: 'key', callbackSecret: SECRET, installation: 'support' })
})
afterEach(() => {
  cloud.stop()
  bridge.stop()
})

const newUser = async () => (await runtime.action('createUser', { name: 'Ana' })).output.userId as string
const calls = (path: string) => bridge.calls.filter((call) => call.path.endsWith(path))
const refusal = (status: number, more: object) => () => ({ status, body: { status, title: '', type: '', ...more } })

test('a session is opened with everything that is known', async () => {
  const userId = await newUser()
  const hitlSession = { priority: 'HIGH', groupId: '19', teamId: '', tags: { order: '1001' }, installation: 'sales' }
  const input = { userId, title: 'Refund', description: 'Late', messageHistory: HISTORY, hitlSession }
  const { output } = await runtime.action('startHitl', input)
  const [{ body, headers }] = calls('startHitl') as [Call]
  assert.deepEqual(body, {
    userId: 'user_b1',
    title: 'Refund',
    description: 'Late',
    messageHistory: HISTORY,
    hitlSession: { priority: 'HIGH', groupId: '19' },
    tags: { order: '1001' },
    installation: 'sales',
    botConversationId: output.conversationId,
  })
  assert.equal(headers.prefer, 'wait=10')
  assert.equal(cloud.row('conversations', output.conversationId)?.tags.id, 'conv_b1')
})

test('a repeated call is the same handoff, another one is not', async () => {
  const userId = await newUser()
  const input = { userId, messageHistory: HISTORY }
  const [first, again] = [await runtime.action('startHitl', input), await runtime.action('startHitl', input)]
  assert.deepEqual(again.output, first.output)
  await runtime.action('stopHitl', first.output)
  const later = await runtime.action('startHitl', input)
  const other = await runtime.action('startHitl', { ...input, title: 'Another' })
  assert.equal(new Set([first, later, other].map(({ output }) => output.conversationId)).size, 3)
})

test('a history entry that the bridge refuses costs nothing but its form', async () => {
  const odd = { source: { type: 'bot' }, type: 'image', payload: { imageUrl: 'data:x', title: 'Map' } }
  const errors = [{ field: 'messageHistory.1.payload.imageUrl', detail: 'No address.' }]
  const good = answers['/actions/startHitl']!
  answers['/actions/startHitl'] = (call) =>
    call.body.messageHistory[1].type === 'image' ? refusal(400, { detail: 'x', errors })() : good(call)
  const { status } = await runtime.action('startHitl', { userId: await newUser(), messageHistory: [...HISTORY, odd] })
  assert.equal(status, 200)
  assert.deepEqual(calls('startHitl')[1]?.body.messageHistory[1].payload, { text: 'Map\ndata:x' })
})

test('what the bridge refuses is said in its words', async () => {
  answers['/actions/startHitl'] = refusal(400, { detail: 'hitlSession.groupId: Intercom takes teamId here.' })
  const { status, text } = await runtime.action('startHitl', { userId: await newUser(), messageHistory: [] })
  assert.equal(status, 400)
  assert.match(text, /The session could not be started: hitlSession.groupId: Intercom takes teamId here/)
})

test('a ticket that could not be opened fails the call', async () => {
  answers['/actions/startHitl'] = () => ({ status: 200, body: { conversationId: 'conv_b1', status: 'failed' } })
  const { status, text } = await runtime.action('startHitl', { userId: await newUser(), messageHistory: [] })
  assert.equal(status, 400)
  assert.match(text, /took no ticket/)
})

test('a message goes out on behalf of its user, once, by its id in Botpress', async () => {
  const userId = await newUser()
  const { output } = await runtime.action('startHitl', { userId, messageHistory: [] })
  const payload = { type: 'text', text: 'Hello', userId, additionalData: 'x' }
  assert.equal((await runtime.say(output.conversationId, 'text', payload, 'm1')).status, 200)
  assert.equal((await runtime.say(output.conversationId, 'text', { text: 'By the bot' }, 'm2')).status, 200)
  const [user, bot] = calls('/messages') as [Call, Call]
  assert.deepEqual(user.body, { type: 'text', payload: { text: 'Hello' }, userId: 'user_b1', additionalData: 'x' })
  assert.deepEqual(bot.body, { type: 'text', payload: { text: 'By the bot' } })
  assert.deepEqual([user, bot].map(({ headers }) => headers['idempotency-key']), ['m1', 'm2'])
  assert.equal(cloud.row('messages', 'm1')?.tags.id, 'msg_b1')
})

test('a message of a session that is over is refused in words', async () => {
  const { output } = await runtime.action('startHitl', { userId: await newUser(), messageHistory: [] })
  answers['/conversations/conv_b1/messages'] = refusal(409, { detail: 'The session has ended.', field: 'conversationId' })
  const { status, text } = await runtime.say(output.conversationId, 'text', { text: 'Hello' }, 'm1')
  assert.equal(status, 400)
  assert.match(text, /not delivered: The session has ended/)
})

const probe = refusal(404, { detail: 'There is no such conversation.', field: 'conversationId' })
const wrong: [string, string, () => Reply, RegExp][] = [
  ['an unknown key', '/availability', refusal(401, { detail: 'x' }), /^API key: the bridge does not know it/],
  ['a key that may only read', '/actions/stopHitl', refusal(403, { detail: 'This key lacks the scope actions.' }), /^API key: This key lacks/],
  ['an unknown installation', '/availability', refusal(404, { detail: 'No such one.', field: 'installation' }), /^Installation: No such one/],
  ['a bot without a help desk', '/availability', refusal(409, { detail: 'Not connected.', field: 'installation' }), /^Installation: Not/],
]
for (const [what, path, answer, said] of wrong) {
  test(`registering says that there is ${what}`, async () => {
    answers['/actions/stopHitl'] = probe
    answers[path] = answer
    const { status, text } = await runtime.operation('register', { webhookUrl: 'https://webhook.example/1' })
    assert.equal(status, 400)
    assert.match(JSON.parse(text).message, said)
  })
}

test('registering says that the secret or the address is wrong', async () => {
  const good = { bridgeUrl: bridge.url, apiKey: 'key', callbackSecret: SECRET }
  const bad = [{ ...good, callbackSecret: 'secret' }, { ...good, bridgeUrl: 'http://127.0.0.1:9' }]
  const said = await Promise.all(bad.map((found) => runtime.operation('register', { webhookUrl: 'x' }, found)))
  const texts = said.map(({ text }) => JSON.parse(text).message)
  assert.match(texts[0], /^Callback secret: /)
  assert.match(texts[1], /^Bridge address: The bridge at http:\/\/127.0.0.1:9\/api\/v1 does not answer/)
})

test('registering with all in order asks the bridge and changes nothing there', async () => {
  answers['/actions/stopHitl'] = probe
  assert.equal((await runtime.operation('register', { webhookUrl: 'https://webhook.example/1' })).status, 200)
  assert.equal((await runtime.operation('unregister', { webhookUrl: 'https://webhook.example/1' })).status, 200)
  assert.deepEqual(bridge.calls.map(({ path }) => path), ['/api/v1/availability', '/api/v1/actions/stopHitl'])
})
