/** What the bridge tells: agents, their messages, the end. The bridge repeats what is not answered with 2xx. */

import { isApiError } from '@botpress/sdk'
import { Bridge } from './bridge'
import { mark, verified, wasSeen, type Agent, type BridgeEvent } from './events'
import { toBotpress } from './messages'
import type { Client, Conversation, Handler, HandlerProps, MessageType } from './types'

const READY_WITHIN = 8_000 // ms to wait here; the bridge waits 15 s for an answer
const GIVEN_UP_AFTER = 60_000 // ms after which a startHitl that never came to its end is waited for no more
const LOOK_EVERY = 500 // ms
const AUTHOR_WITHOUT_AGENT = { userId: 'bridge', name: 'Support' }

type Answer = { status: number; body?: string; headers?: { [name: string]: string } }
type Told = { event: BridgeEvent; conversation: Conversation; props: HandlerProps }

const RULES: { [type: string]: (told: Told) => Promise<void> } = {
  hitlAssigned: assigned,
  messageCreated: said,
  messageStatus: delivered,
  hitlStopped: stopped,
  hitlFailed: failed,
}

export const handler: Handler = async (props) => {
  const { req, ctx, logger } = props
  const event = verified(ctx.configuration.callbackSecret, req.body ?? '', req.headers)
  if (!event) {
    logger.forBot().warn('A call that the bridge did not sign was refused. Is the callback secret the same in both?')
    return { status: 401, body: 'The signature is not valid.' }
  }
  const rule = RULES[event.type]
  const conversation = rule && (await conversationOf(props.client, event))
  if (!conversation || wasSeen(event, conversation.tags.seen)) {
    return { status: 200 }
  }
  return await told(rule, { event, conversation, props })
}

async function told(rule: (told: Told) => Promise<void>, { event, conversation, props }: Told): Promise<Answer> {
  const ready = await readied(props.client, conversation)
  if (!ready) {
    return { status: 429, headers: { 'retry-after': '2' }, body: 'The session is still being set up.' }
  }
  await rule({ event, conversation: ready, props })
  const ended = event.type === 'hitlStopped' || event.type === 'hitlFailed'
  const tags = { seen: mark(event), ...(ended && { ended: event.data.reason ?? event.type }) }
  await props.client.updateConversation({ id: conversation.id, tags })
  return { status: 200 }
}

/** The event's conversation; undefined if it is none of this integration's. */
async function conversationOf(client: Client, event: BridgeEvent): Promise<Conversation | undefined> {
  const id = event.data.botConversationId
  if (!id) {
    return undefined
  }
  try {
    const { conversation } = await client.getConversation({ id })
    return conversation
  } catch (thrown) {
    if (isApiError(thrown) && ['ResourceNotFound', 'InvalidPayload', 'ReferenceNotFound'].includes(thrown.type)) {
      return undefined
    }
    throw thrown
  }
}

/** The conversation once Botpress takes events of it, which startHitl notes in a tag; undefined: not yet. */
async function readied(client: Client, conversation: Conversation): Promise<Conversation | undefined> {
  const until = Date.now() + READY_WITHIN
  for (let found = conversation; ; found = (await client.getConversation({ id: conversation.id })).conversation) {
    const { readyAt, ended } = found.tags
    const ready = ended || (readyAt && Number(readyAt) <= Date.now())
    if (ready || Date.now() - Date.parse(found.createdAt) > GIVEN_UP_AFTER) {
      return found
    }
    if (Date.now() >= until) {
      return undefined
    }
    await new Promise((done) => setTimeout(done, LOOK_EVERY))
  }
}

async function assigned({ event, conversation, props }: Told): Promise<void> {
  if (event.data.reopenedFrom) {
    return await refuseReopened(event, props)
  }
  const userId = await agentUser(props.client, event.data.agent)
  await props.client.createEvent({ type: 'hitlAssigned', payload: { conversationId: conversation.id, userId } })
}

/** Botpress's plugin takes no words for a session that is over, so the agent is told by its end. */
async function refuseReopened(event: BridgeEvent, { ctx, logger }: HandlerProps): Promise<void> {
  const conversationId = event.data.conversationId ?? ''
  logger.forBot().warn('An agent took up a session again that is over in Botpress; it was ended.')
  await new Bridge(ctx.configuration).post('/actions/stopHitl', { conversationId }, `stop-${conversationId}`)
}

/** The bridge's own notices are left out: Botpress's plugin has texts of its own for these moments. */
async function said({ event, conversation, props }: Told): Promise<void> {
  const { source, agent, messageId, type = '', payload = {} } = event.data
  const shown = source !== 'system' && agent && toBotpress(type, payload)
  if (shown) {
    await show(props.client, conversation, await agentUser(props.client, agent), String(messageId), shown)
  }
}

async function delivered({ event, conversation, props }: Told): Promise<void> {
  const { status, messageId, detail = '' } = event.data
  if (status === 'failed' || status === 'dropped') {
    const log = props.logger.withConversationId(conversation.id).forBot()
    log.warn(`The message ${messageId} did not reach the agent. ${detail}`)
  }
}

/** Told in any case: Botpress's plugin ignores it where the session is over for it already. */
async function stopped({ conversation, props }: Told): Promise<void> {
  await props.client.createEvent({ type: 'hitlStopped', payload: { conversationId: conversation.id } })
}

async function failed(told: Told): Promise<void> {
  const { event, conversation, props } = told
  const text = props.ctx.configuration.failedText?.trim()
  props.logger.forBot().error(`No ticket could be opened. ${event.data.detail ?? ''}`)
  if (text && !conversation.tags.ended) {
    const nobody = await agentUser(props.client, AUTHOR_WITHOUT_AGENT)
    await show(props.client, conversation, nobody, event.id, { type: 'text', payload: { text } })
  }
  await stopped(told)
}

/** A message in Botpress; the bridge's id of it makes it one message, however often it is told. */
async function show(
  client: Client,
  conversation: Conversation,
  userId: string,
  id: string,
  { type, payload }: { type: string; payload: object }
): Promise<void> {
  await client.getOrCreateMessage({
    conversationId: conversation.id,
    userId,
    type: type as MessageType,
    payload: payload as { text: string },
    tags: { id },
    discriminateByTags: ['id'],
  })
}

/** The Botpress user that stands for the agent, with the name and picture that the agent has now. */
async function agentUser(client: Client, agent: Agent = AUTHOR_WITHOUT_AGENT): Promise<string> {
  const { name, pictureUrl } = agent
  const { user } = await client.getOrCreateUser({
    name,
    pictureUrl,
    tags: { id: agent.userId },
    discriminateByTags: ['id'],
  })
  if (user.name !== name || (pictureUrl && user.pictureUrl !== pictureUrl)) {
    await client.updateUser({ id: user.id, name, pictureUrl })
  }
  return user.id
}
