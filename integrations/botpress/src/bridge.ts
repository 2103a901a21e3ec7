/** A small client of the bridge's API, on fetch. */

const TRIES = 3
const LONGEST_WAIT = 5_000 // ms between two tries
const TIME_OUT = 20_000 // ms for an answer

export type Fields = Record<string, unknown>
export type Problem = { status: number; detail: string; field?: string; errors?: { field: string; detail: string }[] }

export type BridgeSettings = { bridgeUrl: string; apiKey: string }

/** The bridge said no, or nothing at all (status 0). The message is for people. */
export class BridgeError extends Error {
  public constructor(public readonly problem: Problem) {
    super(problem.detail)
  }
}

export class Bridge {
  private readonly _base: string

  /** Throws a BridgeError if the address is none. `pause` is what waits between two tries, in ms. */
  public constructor(
    private readonly _settings: BridgeSettings,
    private readonly _pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms))
  ) {
    this._base = apiAddress(_settings.bridgeUrl)
  }

  public get(path: string): Promise<Fields> {
    return this._call('GET', path)
  }

  /** `key` makes repeats harmless: the same one for the same request. */
  public post(path: string, body: Fields, key: string, headers: Record<string, string> = {}): Promise<Fields> {
    return this._call('POST', path, body, { 'idempotency-key': key, ...headers })
  }

  private async _call(method: string, path: string, body?: Fields, headers: Record<string, string> = {}) {
    for (let attempt = 1; ; attempt++) {
      const answer = await this._once(method, path, body, headers)
      if (answer.ok) {
        return answer.body
      }
      if (!answer.again || attempt === TRIES) {
        throw new BridgeError(answer.problem)
      }
      await this._pause(Math.min(answer.wait ?? attempt * 500, LONGEST_WAIT))
    }
  }

  private async _once(method: string, path: string, body?: Fields, headers?: Record<string, string>): Promise<Answer> {
    let response: Response
    let text: string
    try {
      response = await fetch(this._base + path, {
        method,
        headers: { authorization: `Bearer ${this._settings.apiKey}`, 'content-type': 'application/json', ...headers },
        body: body && JSON.stringify(body),
        redirect: 'manual',
        signal: AbortSignal.timeout(TIME_OUT),
      })
      text = await response.text()
    } catch {
      const detail = `The bridge at ${this._base} does not answer.`
      return { ok: false, again: true, problem: { status: 0, detail } }
    }
    const found = parsed(text)
    if (response.ok && found) {
      return { ok: true, body: found }
    }
    const seconds = Number(response.headers.get('retry-after') ?? NaN)
    return {
      ok: false,
      again: response.status === 429 || response.status >= 500,
      wait: Number.isFinite(seconds) ? seconds * 1000 : undefined,
      problem: problemOf(response.status, found, this._base),
    }
  }
}

type Answer = { ok: true; body: Fields } | { ok: false; again: boolean; wait?: number; problem: Problem }

/** `https://bridge.example.com/` and `https://bridge.example.com/api/v1` mean the same. */
function apiAddress(text: string): string {
  const address = text.trim().replace(/\/+$/, '').replace(/\/api\/v1$/, '')
  if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(address)) {
    throw new BridgeError({ status: 0, detail: 'The bridge address must look like https://bridge.example.com.' })
  }
  return `${address}/api/v1`
}

function parsed(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
  } catch {
    return undefined
  }
}

function problemOf(status: number, body: Fields | undefined, base: string): Problem {
  if (typeof body?.detail !== 'string') {
    return { status, detail: `What answers at ${base} (status ${status}) is not the bridge.` }
  }
  return { ...(body as Problem), status }
}
