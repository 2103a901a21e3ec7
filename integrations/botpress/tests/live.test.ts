/** Whole conversations against a running bridge with the sandbox's help desk; skipped without BRIDGE_URL. */

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { Runtime, until } from './runtime'
import { BotpressCloud, bodyOf } from './servers'

type Fields = Record<string, any>
const { BRIDGE_URL = '', BOT_KEY = '', CALLBACK_SECRET = '', CALLBACK_PORT = '0', SANDBOX_ACCOUNT = '' } = process.env
const skip = BRIDGE_URL ? false : 'BRIDGE_URL is not set'
const found = { bridgeUrl: BRIDGE_URL, apiKey: BOT_KEY, callbackSecret: CALLBACK_SECRET }

let cloud: BotpressCloud
let runtime: Runtime
const refused: string[] = []
/** Where the bridge calls: Botpress's cloud hands such a call to the integration. */
const webhook = createServer(async (request, response) => {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const answer = await runtime.webhook(await bodyOf(request), headers)
  if (answer.status >= 400) {
    refused.push(`${answer.status} ${answer.text}`)
  }
  response.writeHead(answer.status, answer.headers).end(answer.text)
})

before(async () => {
  cloud = await new BotpressCloud().start()
  runtime = new Runtime(cloud, found)
  webhook.listen(Number(CALLBACK_PORT), '127.0.0.1')
})
after(() => {
  cloud.stop()
  webhook.closeAllConnections()
  webhook.close()
})

async function sandbox(path: string, body?: Fields): Promise<any> {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(SANDBOX_ACCOUNT + path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) })
  const text = await answer.text()
  assert.ok(answer.ok, `${path}: ${answer.status} ${text}`)
  return JSON.parse(text)
}

const parts = async (ticket: string): Promise<Fields[]> => (await sandbox(`/tickets/${ticket}`)).parts
const texts = async (ticket: string) => (await parts(ticket)).map(({ text }) => text as string)

async function handOver(name: string, more: Fields = {}) {
  const { userId } = (await runtime.action('createUser', { name, email: `${name}@no-reply.bot-1.botpress.com` })).output
  const known = new Set<string>((await sandbox('/tickets')).map((ticket: Fields) => ticket.id))
  const { status, output, text } = await runtime.action('startHitl', { userId, messageHistory: [], ...more })
  assert.equal(status, 200, text)
  const isNew = async () => (await sandbox('/tickets')).find(({ id }: Fields) => !known.has(id))
  const ticket = await until(isNew, 'the ticket')
  return { userId, conversationId: output.conversationId as string, ticket: ticket.id as string }
}

const events = (conversationId: string) =>
  cloud.rows.events!.filter(({ payload }) => payload.conversationId === conversationId).map(({ type }) => type as string)
const heard = (conversationId: string) =>
  cloud.rows.messages!.filter((message) => message.conversationId === conversationId && !message.sent)

test('saving the configuration asks the bridge', { skip }, async () => {
  const register = (more: Fields) => runtime.operation('register', { webhookUrl: 'x' }, { ...found, ...more })
  assert.equal((await register({})).status, 200)
  assert.match((await register({ apiKey: 'hitl_wrong' })).text, /API key: the bridge does not know it/)
  assert.match((await register({ installation: 'nowhere' })).text, /Installation: /)
})

test('a chat goes to an agent and back', { skip }, async () => {
  const said = (type: string, payload: Fields) => ({ source: { type: 'bot' }, type, payload })
  const odd = said('image', { imageUrl: 'data:image/png;base64,AA==', title: 'A map' })
  const messageHistory = [said('text', { text: 'Which order is it?' }), odd]
  const { userId, conversationId, ticket } = await handOver('ana', { title: 'Refund', messageHistory })
  const transcript = (await texts(ticket)).join(' ')
  assert.match(transcript, /Which order is it\?/)
  assert.match(transcript, /A map/)

  await sandbox(`/tickets/${ticket}/accept`, { agent: 'Rui' })
  await until(() => events(conversationId).includes('hitlAssigned'), 'the agent')
  await sandbox(`/tickets/${ticket}/reply`, { agent: 'Rui', text: 'Let me look.' })
  const first = await until(() => heard(conversationId)[0], "the agent's message")
  assert.equal(first.payload.text, 'Let me look.')
  assert.equal(cloud.row('users', first.userId)?.name, 'Rui Costa')

  const payload = { type: 'text', text: 'Thank you', userId }
  for (const _ of [1, 2]) {
    assert.equal((await runtime.say(conversationId, 'text', payload, 'message-1')).status, 200)
  }
  await runtime.say(conversationId, 'text', { text: 'Goodbye', userId }, 'message-2')
  await until(async () => (await texts(ticket)).includes('Goodbye'), "the user's messages")
  const own = (await parts(ticket)).filter((part) => part.author.kind === 'contact').map((part) => part.text as string)
  assert.deepEqual(own.filter((text) => ['Thank you', 'Goodbye'].includes(text)), ['Thank you', 'Goodbye'])

  await sandbox(`/tickets/${ticket}/close`, { agent: 'Rui', text: 'Bye!' })
  await until(() => events(conversationId).includes('hitlStopped'), 'the end')
  assert.deepEqual(events(conversationId), ['hitlAssigned', 'hitlStopped'])
  assert.deepEqual(heard(conversationId).map((message) => message.payload.text), ['Let me look.', 'Bye!'])
  assert.match((await runtime.say(conversationId, 'text', { text: 'Late', userId }, 'message-3')).text, /not delivered/)
  assert.deepEqual(refused, [])
})

test('an agent who is quicker than Botpress is heard', { skip }, async () => {
  const known = new Set<string>((await sandbox('/tickets')).map((ticket: Fields) => ticket.id))
  const quick = (async () => {
    const ticket = await until(async () => (await sandbox('/tickets')).find(({ id }: Fields) => !known.has(id)), 'the ticket')
    await sandbox(`/tickets/${ticket.id}/reply`, { agent: 'Rui', text: 'Already here.' })
  })()
  const { userId } = (await runtime.action('createUser', { name: 'Bo' })).output
  const { output } = await runtime.action('startHitl', { userId, messageHistory: [] })
  await quick
  const readyAt = Number(cloud.row('conversations', output.conversationId)?.tags.readyAt)
  const message = await until(() => heard(output.conversationId)[0], 'the agent')
  assert.equal(message.payload.text, 'Already here.')
  assert.ok(Date.parse(message.createdAt) >= readyAt)
})

test('stopHitl closes the ticket', { skip }, async () => {
  const { conversationId, ticket } = await handOver('cleo')
  assert.equal((await runtime.action('stopHitl', { conversationId })).status, 200)
  await until(async () => (await sandbox(`/tickets/${ticket}`)).state === 'closed', 'the closed ticket')
  await until(() => events(conversationId).includes('hitlStopped'), 'the end')
  assert.equal((await runtime.action('stopHitl', { conversationId })).status, 200)
})
