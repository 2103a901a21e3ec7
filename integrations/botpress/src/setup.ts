/** Saving the configuration: what is wrong with it is said at once, in words. */

import { RuntimeError } from '@botpress/sdk'
import { Bridge, BridgeError, type Problem } from './bridge'
import type { Configuration } from './definitions'
import { isSecret } from './events'
import type { Register } from './types'

const NO_CONVERSATION = 'conv_00000000000000000000000000'

export const register: Register = async ({ ctx, webhookUrl, logger }) => {
  const wrong = await whatIsWrong(ctx.configuration)
  if (wrong) {
    throw new RuntimeError(wrong)
  }
  logger.forBot().info(`In the bridge, the bot's callback URL must be ${webhookUrl}`)
}

/** Nothing was set up at the bridge, so nothing is to be undone; open sessions go on there. */
export const unregister = async (): Promise<void> => {}

/** Why the configuration can't work; undefined if it can. The bridge is asked, nothing is changed there. */
export async function whatIsWrong(found: Configuration): Promise<string | undefined> {
  if (!isSecret(found.callbackSecret)) {
    return 'Callback secret: it must be the one of the bot in the bridge, whsec_ and Base64.'
  }
  try {
    const bridge = new Bridge(found)
    const slug = found.installation?.trim()
    await bridge.get(`/availability${slug ? `?installation=${encodeURIComponent(slug)}` : ''}`)
    await mayAct(bridge)
    return undefined
  } catch (thrown) {
    if (thrown instanceof BridgeError) {
      return inWords(thrown.problem)
    }
    throw thrown
  }
}

/** Throws unless the key has the scope `actions`: who may stop sessions learns that this one is unknown. */
async function mayAct(bridge: Bridge): Promise<void> {
  try {
    await bridge.post('/actions/stopHitl', { conversationId: NO_CONVERSATION }, `check-${Date.now()}`)
  } catch (thrown) {
    if (!(thrown instanceof BridgeError && thrown.problem.status === 404 && thrown.problem.field === 'conversationId')) {
      throw thrown
    }
  }
}

function inWords({ status, detail, field }: Problem): string {
  switch (status) {
    case 401:
      return 'API key: the bridge does not know it, or it has expired or been revoked.'
    case 403:
      return `API key: ${detail} It needs the scopes actions and read.`
    case 404:
      return field === 'installation' ? `Installation: ${detail}` : `Bridge address: ${detail}`
    case 400:
    case 409:
      return `Installation: ${detail}`
    default:
      return status === 0 || !detail ? `Bridge address: ${detail}` : `The bridge answered ${status}: ${detail}`
  }
}
