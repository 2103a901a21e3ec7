/** Servers on loopback that stand in for Botpress's cloud and, in unit tests, for the bridge. */

import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Fields = Record<string, any>
export type Call = { method: string; path: string; body: Fields; headers: IncomingMessage['headers'] }
export type Reply = { status: number; body: unknown; headers?: Record<string, string> }

export class Server {
  public readonly calls: Call[] = []
  public url = ''
  private readonly _server = createServer(async (request, response) => {
    const text = await bodyOf(request)
    const { method = '', url = '', headers } = request
    const path = url.split('?')[0] ?? ''
    const call = { method, path, headers, body: text ? JSON.parse(text) : {} }
    this.calls.push(call)
    const { status, body, headers: more } = await this._answer(call)
    response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(body))
  })

  public constructor(private readonly _answer: (call: Call) => Reply | Promise<Reply>) {}

  public async start(port = 0): Promise<this> {
    await new Promise<void>((done) => this._server.listen(port, '127.0.0.1', done))
    this.url = `http://127.0.0.1:${(this._server.address() as AddressInfo).port}`
    return this
  }

  public stop(): void {
    this._server.closeAllConnections()
    this._server.close()
  }
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) {
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts).toString()
}

type Row = { id: string; tags: Record<string, string>; createdAt: string } & Fields
const KINDS: Record<string, string> = { users: 'user', conversations: 'conversation', messages: 'message', events: 'event' }

/** Botpress's chat API, as far as the integration calls it: rows with tags, in memory. */
export class BotpressCloud extends Server {
  public readonly rows: Record<string, Row[]> = { users: [], conversations: [], messages: [], events: [] }

  public constructor() {
    super((call) => this._serve(call))
  }

  public row(kind: string, id: string): Row | undefined {
    return this.rows[kind]?.find((row) => row.id === id)
  }

  private _serve({ method, path, body }: Call): Reply {
    const [kind = '', id = ''] = path.replace('/v1/chat/', '').split('/')
    const rows = this.rows[kind]
    if (!rows) {
      return refused(404, 'ResourceNotFound')
    }
    const found = id === 'get-or-create' ? same(rows, body) : this.row(kind, id)
    if (method === 'POST') {
      return { status: 200, body: { [KINDS[kind]!]: found ?? add(kind, rows, body), meta: { created: !found } } }
    }
    if (!found) {
      return refused(404, 'ResourceNotFound')
    }
    if (method === 'PUT') {
      const { tags, ...rest } = body
      Object.assign(found, rest, { tags: { ...found.tags, ...tags } })
    }
    return { status: 200, body: { [KINDS[kind]!]: found } }
  }
}

function same(rows: Row[], body: Fields): Row | undefined {
  const by: string[] = body.discriminateByTags ?? Object.keys(body.tags)
  return rows.find((row) => by.every((name) => row.tags[name] === body.tags[name]))
}

function add(kind: string, rows: Row[], { discriminateByTags: _, ...body }: Fields): Row {
  const row = { tags: {}, ...body, id: `${kind}_${rows.length + 1}`, createdAt: new Date().toISOString() }
  rows.push(row)
  return row
}

function refused(code: number, type: string): Reply {
  return { status: code, body: { id: 'err_1', code, type, message: type } }
}
