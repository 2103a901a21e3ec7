/** The integration as Botpress's cloud runs it: every operation is a request to its handler. */

import type { Configuration } from '../src/definitions'
import integration from '../src/index'
import type { BotpressCloud } from './servers'

type Fields = Record<string, any>
export type Outcome = { status: number; output: Fields; text: string; headers: Fields }

export class Runtime {
  public constructor(
    private readonly _cloud: BotpressCloud,
    private readonly _configuration: Configuration
  ) {
    process.env.BP_API_URL = _cloud.url
    process.env.BP_TOKEN = 'token-of-tests'
  }

  public async action(type: string, input: Fields): Promise<Outcome> {
    return await this.operation('action_triggered', { type, input })
  }

  /** A message that the bot, or a user through it, sends to the agent. */
  public async say(conversationId: string, type: string, payload: Fields, id: string): Promise<Outcome> {
    const conversation = this._cloud.row('conversations', conversationId)
    this._cloud.rows.messages!.push({ id, type, payload, conversationId, tags: {}, createdAt: '', sent: true })
    const user = { id: 'bot', tags: {} }
    return await this.operation('message_created', { conversation, user, type, payload, message: { id, tags: {} } })
  }

  public async webhook(body: string, headers: Record<string, string>): Promise<Outcome> {
    return await this.operation('webhook_received', { req: { body, headers, method: 'POST', path: '', query: '' } })
  }

  public async operation(name: string, body: Fields, configuration: Configuration = this._configuration) {
    const response = await integration.handler({
      method: 'POST',
      path: '/',
      query: '',
      body: JSON.stringify(body),
      headers: {
        'x-bot-id': 'bot-1',
        'x-bot-user-id': 'user-of-the-bot',
        'x-integration-id': 'integration-1',
        'x-integration-alias': 'hitl-bridge',
        'x-webhook-id': 'webhook-1',
        'x-bp-operation': name,
        'x-bp-configuration': Buffer.from(JSON.stringify(configuration)).toString('base64'),
      },
    })
    const text = response?.body ?? ''
    const headers = response?.headers ?? {}
    return { status: response?.status ?? 200, text, headers, output: outputOf(text) }
  }
}

function outputOf(text: string): Fields {
  try {
    return JSON.parse(text).output ?? {}
  } catch {
    return {}
  }
}

/** What `find` returns once it is truthy. */
export async function until<T>(find: () => T | Promise<T>, what: string, within = 60_000): Promise<NonNullable<T>> {
  for (const end = Date.now() + within; Date.now() < end; ) {
    const found = await find()
    if (found) {
      return found
    }
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`${what}: not within ${within} ms`)
}
