/** createUser, startHitl and stopHitl of the interface. */

import { createHash, randomUUID } from 'node:crypto'
import type { Configuration, Session } from './definitions'
import { Bridge, BridgeError, type Fields } from './bridge'
import { historyToBridge, mended } from './messages'
import { userBody } from './people'
import { saying } from './saying'
import type { Actions, Client, Conversation } from './types'

const TICKET_WITHIN = 10 // seconds to wait for the help desk's ticket
const REPEAT_WITHIN = 120_000 // ms in which the same handoff once more is a repeat of the call
/** Botpress's plugin drops events until it has noted the session, shortly after startHitl returned. */
const SETTLES_IN = 2_500 // ms

export const createUser: Actions['createUser'] = async ({ ctx, client, input }) => {
  const body = { ...userBody(input), ...installation(ctx.configuration) }
  const id = await saying('The user could not be created', async () => {
    const answer = await new Bridge(ctx.configuration).post('/actions/createUser', body, randomUUID())
    return String(answer.userId)
  })
  const { user } = await client.getOrCreateUser({
    name: input.name,
    pictureUrl: input.pictureUrl,
    tags: { id },
    discriminateByTags: ['id'],
  })
  return { userId: user.id }
}

export const startHitl: Actions['startHitl'] = async ({ ctx, client, input }) => {
  const { user } = await client.getUser({ id: input.userId })
  const bridgeUser = user.tags.id
  const body = await saying('The session could not be started', async () => {
    if (!bridgeUser) {
      throw new Error(`the user ${input.userId} was not made by this integration's createUser`)
    }
    return sessionBody(input, bridgeUser, ctx.configuration)
  })
  const conversation = await handoffConversation(client, body)
  await saying('The session could not be started', async () => {
    const started = await start(new Bridge(ctx.configuration), { ...body, botConversationId: conversation.id })
    const tags = { id: String(started.conversationId), userId: String(body.userId), botpressUserId: input.userId }
    if (started.status === 'failed') {
      await client.updateConversation({ id: conversation.id, tags: { ...tags, ended: 'failed' } })
      throw new Error('the help desk took no ticket')
    }
    await client.updateConversation({
      id: conversation.id,
      tags: { ...tags, readyAt: String(Date.now() + SETTLES_IN) },
    })
  })
  return { conversationId: conversation.id }
}

export const stopHitl: Actions['stopHitl'] = async ({ ctx, client, input }) => {
  const { conversation } = await client.getConversation({ id: input.conversationId })
  const conversationId = conversation.tags.id
  if (!conversationId || conversation.tags.ended) {
    return {}
  }
  await saying('The session could not be ended', () =>
    new Bridge(ctx.configuration).post('/actions/stopHitl', { conversationId }, `stop-${conversationId}`)
  )
  await client.updateConversation({ id: conversation.id, tags: { ended: 'botStopped' } })
  return {}
}

type StartInput = Parameters<Actions['startHitl']>[0]['input']

function sessionBody(input: StartInput, userId: string, configuration: Configuration): Fields {
  const { tags, installation: chosen, ...hitlSession } = withoutEmpty(input.hitlSession ?? {}) as Session
  return {
    userId,
    title: input.title?.trim().slice(0, 300) ?? '',
    description: input.description?.trim() ?? '',
    messageHistory: historyToBridge(input.messageHistory, { botpressId: input.userId, bridgeId: userId }),
    hitlSession,
    ...(tags && { tags }),
    ...installation({ installation: chosen ?? configuration.installation }),
  }
}

/** Post the session; an entry of the history that the bridge can't take goes as text. */
async function start(bridge: Bridge, body: Fields): Promise<Fields> {
  const post = (found: Fields) =>
    bridge.post('/actions/startHitl', found, randomUUID(), { prefer: `wait=${TICKET_WITHIN}` })
  try {
    return await post(body)
  } catch (thrown) {
    const history = thrown instanceof BridgeError && mended(body.messageHistory as Fields[], thrown.problem)
    if (!history) {
      throw thrown
    }
    return await post({ ...body, messageHistory: history })
  }
}

/**
 * The Botpress conversation of this handoff, made ahead of the ticket: it is the bridge's
 * `botConversationId`, so events find it without a search, and a repeat of the call finds the same one.
 */
async function handoffConversation(client: Client, body: Fields): Promise<Conversation> {
  const handoff = createHash('sha256').update(JSON.stringify(body)).digest('hex').slice(0, 32)
  const { conversation } = await client.getOrCreateConversation({
    channel: 'hitl',
    tags: { handoff },
    discriminateByTags: ['handoff'],
  })
  const age = Date.now() - Date.parse(conversation.createdAt)
  if (age < REPEAT_WITHIN && !conversation.tags.ended) {
    return conversation
  }
  const another = await client.createConversation({ channel: 'hitl', tags: { handoff: randomUUID() } })
  return another.conversation
}

function installation(found: { installation?: string }): Fields {
  const slug = found.installation?.trim()
  return slug ? { installation: slug } : {}
}

/** A form that was left empty sends empty texts. */
function withoutEmpty(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== '' && value != null))
}
