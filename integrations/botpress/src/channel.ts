/** The channel `hitl`: what the user or the bot says goes to the agent. */

import { Bridge, type Fields } from './bridge'
import { toBridge } from './messages'
import { saying } from './saying'
import type { Channel, Client } from './types'

type Sent = {
  ctx: { configuration: { bridgeUrl: string; apiKey: string } }
  client: Client
  conversation: { id: string; tags: { [name: string]: string | undefined } }
  message: { id: string }
  type: string
  payload: Fields & { userId?: string; additionalData?: string }
  ack: (props: { tags: { id: string } }) => Promise<void>
  logger: { forBot(): { warn(text: string): void } }
}

async function send({ ctx, client, conversation, message, type, payload, ack, logger }: Sent): Promise<void> {
  const answer = await saying('The message was not delivered', async () => {
    if (!conversation.tags.id) {
      throw new Error('this conversation has no session in the bridge')
    }
    const userId = await author(client, conversation, payload.userId)
    const { additionalData } = payload
    const body = { ...toBridge(type, payload), ...(userId && { userId }), ...(additionalData && { additionalData }) }
    // Botpress's id of the message makes it one message, however often it is sent.
    return new Bridge(ctx.configuration).post(`/conversations/${conversation.tags.id}/messages`, body, message.id)
  })
  // The message is delivered: a tag that can't be set is no reason to call it failed.
  await ack({ tags: { id: String(answer.messageId) } }).catch(() =>
    logger.forBot().warn('A delivered message could not be tagged with its id in the bridge.')
  )
}

/** The bridge's id of the user on whose behalf it is; undefined: the bot itself speaks. */
async function author(client: Client, { tags }: Sent['conversation'], userId?: string): Promise<string | undefined> {
  if (!userId || userId === tags.botpressUserId) {
    return userId && tags.userId
  }
  const { user } = await client.getUser({ id: userId })
  if (!user.tags.id) {
    throw new Error(`the user ${userId} was not made by this integration's createUser`)
  }
  return user.tags.id
}

export const hitl: Channel = { messages: { text: send, image: send, audio: send, video: send, file: send, bloc: send } }
