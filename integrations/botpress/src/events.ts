/** The bridge's signed events (Standard Webhooks), verified and read. Pure. */

import { Webhook } from 'standardwebhooks'
import type { Fields } from './bridge'

export type Agent = { userId: string; name: string; pictureUrl?: string }

export type BridgeEvent = {
  id: string
  type: string
  sequence: number
  data: {
    conversationId?: string
    botConversationId?: string
    reopenedFrom?: string
    source?: string
    agent?: Agent
    messageId?: string
    type?: string
    payload?: Fields
    reason?: string
    detail?: string
    status?: string
  }
}

/** The event, or undefined if it was not signed with the secret within the last minutes. */
export function verified(
  secret: string,
  body: string,
  headers: Record<string, string | undefined>
): BridgeEvent | undefined {
  try {
    const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value ?? ''])
    return new Webhook(secret.trim()).verify(body, Object.fromEntries(named)) as BridgeEvent
  } catch {
    return undefined // whatever was wrong with it
  }
}

/** Whether a secret is of the form that the bridge takes: whsec_ and the Base64 of 16 bytes or more. */
export function isSecret(secret: string): boolean {
  const text = secret.trim().replace(/^whsec_/, '')
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, 'base64').length >= 16
}

/** Which event was handled last in a conversation, as a tag of it. */
export function mark(event: BridgeEvent): string {
  return `${event.data.conversationId}:${event.sequence}`
}

/** Whether the event was handled before: events of a session come in order, though perhaps repeatedly. */
export function wasSeen(event: BridgeEvent, seen = ''): boolean {
  const [conversation, sequence] = seen.split(':')
  return conversation === event.data.conversationId && event.sequence <= Number(sequence)
}
