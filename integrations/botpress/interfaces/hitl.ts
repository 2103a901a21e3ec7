/**
 * Botpress's interface `hitl`, version 2.1.0, as an interface package of the SDK.
 *
 * `bp add interface:hitl@2.1.0` would write the same from the Hub, but only for who is logged in.
 * So that everyone can check and build, the contract is spelled out here; `bp deploy` looks its id
 * up on the Hub by name and version.
 */

import * as sdk from '@botpress/sdk'

const { z, messages } = sdk

const LONGEST_ADDITIONAL_DATA = 500

const source = z.union([
  z.object({ type: z.literal('user'), userId: z.string() }),
  z.object({ type: z.literal('bot') }),
])

const said = <K extends string, S extends sdk.z.ZodTypeAny>(type: K, payload: S) =>
  z.object({ source, type: z.literal(type), payload })

/** One message of what was said before the session. */
export const historyEntry = z.union([
  said('text', messages.defaults.text.schema),
  said('image', messages.defaults.image.schema),
  said('audio', messages.defaults.audio.schema),
  said('video', messages.defaults.video.schema),
  said('file', messages.defaults.file.schema),
  said('location', messages.defaults.location.schema),
  said('carousel', messages.defaults.carousel.schema),
  said('card', messages.defaults.card.schema),
  said('dropdown', messages.defaults.dropdown.schema),
  said('choice', messages.defaults.choice.schema),
  said('bloc', messages.markdownBloc.schema),
  said('markdown', messages.markdown.schema),
])

const inHitl = {
  userId: z.string().optional().describe('The user on whose behalf the message is sent'),
  additionalData: z.string().max(LONGEST_ADDITIONAL_DATA).optional().describe('Opaque data of the sender'),
}

/** Payloads of the channel `hitl`. */
export const channelMessages = {
  text: messages.defaults.text.schema.extend(inHitl),
  image: messages.defaults.image.schema.extend(inHitl),
  audio: messages.defaults.audio.schema.extend(inHitl),
  video: messages.defaults.video.schema.extend(inHitl),
  file: messages.defaults.file.schema.extend(inHitl),
  bloc: messages.markdownBloc.schema.extend(inHitl),
}

const conversationId = z.string().title('HITL session ID').describe('The conversation that stands for the session')

export const createUserInput = z.object({
  name: z.string().title('Display name').describe('What agents see'),
  pictureUrl: z.string().optional().title('Picture URL').describe('Address of the avatar'),
  email: z.string().optional().title('Email address').describe('Email address of the end user'),
})
export const createUserOutput = z.object({
  userId: z.string().title('Botpress user ID').describe('The user that stands for the end user'),
})

const startHitlMembers = {
  userId: z.string().title('User ID').describe('The user that stands for the end user'),
  title: z.string().optional().title('Title').describe('Title of the ticket'),
  description: z.string().optional().title('Description').describe('Description of the ticket'),
  messageHistory: z.array(historyEntry).title('Conversation history').describe('What was said so far, oldest first'),
}
/** Without `hitlSession`, whose shape is the integration's own. */
export const startHitlInput = z.object(startHitlMembers)
export const startHitlOutput = z.object({ conversationId })

export const stopHitlInput = z.object({ conversationId })
export const stopHitlOutput = z.object({})

export const assignedEvent = z.object({
  conversationId,
  userId: z.string().title('Human agent user ID').describe('The user that stands for the agent'),
})
export const stoppedEvent = z.object({ conversationId })

const hidden = { attributes: sdk.WELL_KNOWN_ATTRIBUTES.HIDDEN_IN_STUDIO }

const definition = new sdk.InterfaceDefinition({
  name: 'hitl',
  version: '2.1.0',
  entities: {
    hitlSession: {
      title: 'HITL session',
      description: 'A session with a human, often called a ticket',
      schema: z.object({}),
    },
  },
  events: {
    hitlAssigned: { ...hidden, schema: () => assignedEvent },
    hitlStopped: { ...hidden, schema: () => stoppedEvent },
  },
  actions: {
    createUser: {
      ...hidden,
      title: 'Create external user',
      description: 'Create an end user in the help desk and in Botpress',
      input: { schema: () => createUserInput },
      output: { schema: () => createUserOutput },
    },
    startHitl: {
      ...hidden,
      title: 'Start new HITL session',
      description: 'Open a session in the help desk and in Botpress',
      input: {
        schema: (entities) =>
          z.object({
            ...startHitlMembers,
            hitlSession: entities.hitlSession.optional().title('Extra configuration').describe('How to open the session'),
          }),
      },
      output: { schema: () => startHitlOutput },
    },
    stopHitl: {
      ...hidden,
      title: 'Stop HITL session',
      description: 'End a session in the help desk',
      input: { schema: () => stopHitlInput },
      output: { schema: () => stopHitlOutput },
    },
  },
  channels: {
    hitl: {
      messages: {
        text: { schema: () => channelMessages.text },
        image: { schema: () => channelMessages.image },
        audio: { schema: () => channelMessages.audio },
        video: { schema: () => channelMessages.video },
        file: { schema: () => channelMessages.file },
        bloc: { schema: () => channelMessages.bloc },
      },
    },
  },
})

export default { type: 'interface', name: 'hitl', version: '2.1.0', definition } satisfies sdk.InterfacePackage
