/** Who Botpress speaks of, as the bridge wants it. Pure. */

import type { Fields } from './bridge'

type Person = { name: string; email?: string; pictureUrl?: string }

// Botpress's plugin invents an address for who has none: <upstream user>@no-reply.<bot>.botpress.com
const INVENTED = /^([^@\s]+)@no-reply\.[^@\s]+\.botpress\.com$/i

/**
 * The body of `createUser`.
 *
 * An invented address is an id and nothing to write to. A real one is what the user said it is, so it
 * makes nobody the same user as somebody else.
 */
export function userBody({ name, email = '', pictureUrl = '' }: Person): Fields {
  const address = email.trim()
  const invented = INVENTED.exec(address)?.[1]
  return {
    name: name.trim().slice(0, 200) || 'Unknown User',
    ...(invented && { externalId: invented.slice(0, 200) }),
    ...(!invented && /^[^@\s]+@[^@\s]+$/.test(address) && address.length <= 320 && { email: address }),
    ...(/^https?:\/\//.test(pictureUrl) && pictureUrl.length <= 2000 && { pictureUrl }),
  }
}
