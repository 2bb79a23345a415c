/** The header with the value of `after` for the next page. The last page does not have it. */
export const NEXT_HEADER = 'niwa-next';

/** The header of a stream of events. The stream begins after the event with this number. */
export const AFTER_HEADER = 'niwa-after';

/**
 * The header of a request for events: `true` asks for positions in the stream. A niwad that does not know the header
 * sends none.
 */
export const POSITIONS_HEADER = 'niwa-positions';
