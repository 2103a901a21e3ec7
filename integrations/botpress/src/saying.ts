import { RuntimeError, isApiError } from '@botpress/sdk'

/** Do it; what goes wrong becomes an error that Botpress shows to the bot's owner, with `what` ahead. */
export async function saying<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (isApiError(thrown)) {
      throw thrown
    }
    throw new RuntimeError(`${what}: ${thrown instanceof Error ? thrown.message : String(thrown)}`)
  }
}
