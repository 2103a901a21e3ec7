/** Messages and history, from Botpress's shapes to the bridge's and back. Pure. */

import type { Fields, Problem } from './bridge'

export type Message = { type: string; payload: Fields }

const MEDIA: Record<string, string> = { image: 'imageUrl', audio: 'audioUrl', video: 'videoUrl', file: 'fileUrl' }
const IN_BLOC = ['text', 'markdown', 'location']
const LONGEST_HISTORY = 2000 // entries
const LARGEST_HISTORY = 800_000 // characters as JSON; the bridge takes bodies of 1 MB

/** What a message carries besides its content. */
const NOT_CONTENT = ['userId', 'additionalData', 'type']

export function toBridge(type: string, payload: Fields): Message {
  const content = Object.entries(payload).filter(([name, value]) => !NOT_CONTENT.includes(name) && value !== '')
  return { type, payload: Object.fromEntries(content) }
}

/** One of the six types of the channel `hitl`; other types as text. Undefined if nothing is left to show. */
export function toBotpress(type: string, payload: Fields): Message | undefined {
  if (type in MEDIA) {
    return media(type, payload)
  }
  if (type === 'bloc') {
    const items = list(payload.items).flatMap(blocItem)
    return items.length ? { type, payload: { items } } : undefined
  }
  const shown = asText(type, payload)
  return shown ? { type: 'text', payload: { text: shown } } : undefined
}

/** History in the bridge's shape: the newest entries that fit; the user by their id in the bridge. */
export function historyToBridge(entries: readonly Fields[], user: { botpressId: string; bridgeId: string }): Fields[] {
  const found = entries.slice(-LONGEST_HISTORY).map((entry) => {
    const source = entry.source as Fields
    const told = source.userId === user.botpressId ? { ...source, userId: user.bridgeId } : source
    return { source: told, ...toBridge(String(entry.type), (entry.payload ?? {}) as Fields) }
  })
  while (found.length > 1 && JSON.stringify(found).length > LARGEST_HISTORY) {
    found.splice(0, Math.ceil(found.length / 2))
  }
  return found
}

/** The history with every entry that the bridge refused written out as text; undefined if none is to blame. */
export function mended(history: readonly Fields[], problem: Problem): Fields[] | undefined {
  const place = /^messageHistory\.(\d+)(\.|$)/
  const bad = new Set((problem.errors ?? []).flatMap(({ field }) => place.exec(field)?.[1] ?? []))
  if (problem.status !== 400 || !bad.size) {
    return undefined
  }
  return history.map((entry, index) => (bad.has(String(index)) ? asTextEntry(entry) : entry))
}

function asTextEntry(entry: Fields): Fields {
  const type = String(entry.type)
  const shown = asText(type, (entry.payload ?? {}) as Fields) || `(${type})`
  return { source: entry.source, type: 'text', payload: { text: shown } }
}

function media(type: string, payload: Fields): Message | undefined {
  const key = MEDIA[type] ?? ''
  const address = string(payload[key])
  const title = string(payload.title)
  return address ? { type, payload: { [key]: address, ...(title && { title }) } } : undefined
}

function blocItem(item: Fields): Message[] {
  const type = String(item.type)
  const payload = (item.payload ?? {}) as Fields
  const found = IN_BLOC.includes(type) ? { type, payload } : toBotpress(type, payload)
  return found ? [found] : []
}

/** The words in any message, a line each. */
function asText(type: string, payload: Fields): string {
  const lines: unknown[] = [payload.text, payload.markdown, payload.title, payload.subtitle, payload.address]
  if (type === 'location') {
    lines.push(`${payload.latitude}, ${payload.longitude}`)
  }
  lines.push(...Object.values(MEDIA).map((key) => payload[key]))
  lines.push(...list(payload.options).map((option) => `- ${string(option.label)}`))
  lines.push(...list(payload.actions).map(action))
  lines.push(...list(payload.items).map((item) => asText(String(item.type), (item.payload ?? item) as Fields)))
  return lines.map(string).filter(Boolean).join('\n')
}

function action(found: Fields): string {
  return found.action === 'url' ? `- ${string(found.label)}: ${string(found.value)}` : `- ${string(found.label)}`
}

function string(value: unknown): string {
  return typeof value === 'string' ? value.trim() : ''
}

function list(value: unknown): Fields[] {
  return Array.isArray(value) ? value : []
}
