// A bot that hands a chat over and prints what the agent says; BRIDGE_URL and BOT_KEY say where and who.
import createClient from 'openapi-fetch'
import type { paths } from './generated/bridge.js'

const { BRIDGE_URL = 'http://127.0.0.1:8000', BOT_KEY = '' } = process.env
const bridge = createClient<paths>({ baseUrl: BRIDGE_URL, headers: { Authorization: `Bearer ${BOT_KEY}` } })

/** The answer; what the bridge says went wrong becomes an error. */
function good<T>({ data, error }: { data?: T; error?: { detail: string } }): T {
  if (data === undefined) throw new Error(error?.detail ?? 'The bridge does not answer.')
  return data
}

const { userId } = good(await bridge.POST('/api/v1/actions/createUser', { body: { name: 'Ana' } }))
const { conversationId } = good(await bridge.POST('/api/v1/actions/startHitl', { body: { userId, title: 'Refund' } }))
const say = { type: 'text', payload: { text: 'Hello?' }, userId } as const
good(await bridge.POST('/api/v1/conversations/{conversationId}/messages', { params: { path: { conversationId } }, body: say }))

for (let after = '0', over = false; !over; ) {
  const page = good(await bridge.GET('/api/v1/events', { params: { query: { after, wait: 30 } } }))
  for (const event of page.items.filter(({ data }) => data.conversationId === conversationId)) {
    if (event.type === 'hitlAssigned') console.log(`${event.data.agent.name} joined`)
    if (event.type === 'messageCreated') console.log(`${event.data.type}: ${JSON.stringify(event.data.payload)}`)
    over ||= event.type === 'hitlStopped' || event.type === 'hitlFailed'
  }
  after = page.nextCursor
}
